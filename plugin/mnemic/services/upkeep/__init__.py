"""Maintenance: a plan with reasons first, then one reversible transaction."""
