"""The ``mnemic`` command line: tables for people, ``--json`` for programs."""
