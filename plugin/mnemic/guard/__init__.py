"""The guard: rules about what an attack is, consensus by independent origins, lessons, and policies."""
