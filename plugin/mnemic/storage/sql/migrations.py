"""The ledger's tables, and how an older ledger becomes a newer one.

`MIGRATIONS[n]` takes a ledger from version n to n + 1 in one transaction, written for SQLite. PostgreSQL makes the same
tables and indexes in its own words (`mnemic.storage.postgres.schema`) and has a full text of its own, which is why every
statement about that stands alone. A released migration is never edited: add another.
"""

from __future__ import annotations

import sqlite3

from mnemic.errors import StoreUnavailable

_VERSION_1 = """
CREATE TABLE ledger (
    only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL, seq INTEGER NOT NULL, memories INTEGER NOT NULL,
    unscrubbed INTEGER NOT NULL       -- erased content may still be 1: in the files, 2: in the log alone, 0: nowhere
) STRICT;
INSERT INTO ledger VALUES (1, lower(hex(randomblob(8))), 0, 0, 0);

CREATE TABLE namespaces (key INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE memories (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    namespace INTEGER NOT NULL REFERENCES namespaces (key),
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    sameness INTEGER NOT NULL,        -- hash of what makes two memories the same
    dated TEXT NOT NULL,              -- the date in words, searched with the text
    tags TEXT NOT NULL,               -- JSON list, sorted
    session TEXT, speaker TEXT, role TEXT, source TEXT, when_to_use TEXT,
    evidence TEXT NOT NULL,           -- JSON list of ids
    supersedes TEXT,
    channel TEXT NOT NULL,
    origin TEXT NOT NULL,             -- JSON object
    occurred_at INTEGER,              -- all times: microseconds since 1970 in UTC
    valid_from INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    held TEXT NOT NULL DEFAULT 'active' CHECK (held IN ('active', 'archived', 'quarantined')),
    valid_to INTEGER, superseded_by TEXT, superseded_at INTEGER,
    confirmations INTEGER NOT NULL DEFAULT 0, confirmed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX memories_by_id ON memories (id);
CREATE UNIQUE INDEX memories_by_seq ON memories (namespace, seq);
CREATE INDEX memories_by_sameness ON memories (sameness);
CREATE INDEX memories_by_supersedes ON memories (supersedes) WHERE supersedes IS NOT NULL;
CREATE INDEX memories_by_session ON memories (namespace, session) WHERE session IS NOT NULL;
CREATE INDEX memories_by_speaker ON memories (namespace, speaker) WHERE speaker IS NOT NULL;

CREATE VIEW memories_searched AS
SELECT key, 'ns' || namespace AS scope,
       dated || ' ' || text || ' ' || coalesce(when_to_use, '') || ' ' || tags AS body
FROM memories;
CREATE VIRTUAL TABLE memories_words USING fts5 (
    scope, body, content = 'memories_searched', content_rowid = 'key', tokenize = 'porter unicode61'
);
CREATE VIRTUAL TABLE memories_terms USING fts5vocab (memories_words, row);
CREATE TRIGGER memories_appended AFTER INSERT ON memories BEGIN
    INSERT INTO memories_words (rowid, scope, body)
    VALUES (new.key, 'ns' || new.namespace,
            new.dated || ' ' || new.text || ' ' || coalesce(new.when_to_use, '') || ' ' || new.tags);
END;
CREATE TRIGGER memories_erased BEFORE DELETE ON memories BEGIN
    INSERT INTO memories_words (memories_words, rowid, scope, body)
    SELECT 'delete', key, scope, body FROM memories_searched WHERE key = old.key;
END;

-- Who speaks in a namespace: a name in a question says who said it, and is no word to search for.
CREATE TABLE speakers (
    namespace INTEGER NOT NULL, speaker TEXT NOT NULL, PRIMARY KEY (namespace, speaker)
) STRICT, WITHOUT ROWID;

CREATE TABLE near_keys (
    near_key INTEGER NOT NULL, key INTEGER NOT NULL, PRIMARY KEY (near_key, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    key INTEGER PRIMARY KEY, memory TEXT NOT NULL, action TEXT NOT NULL, at INTEGER NOT NULL,
    origin TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_memory ON events (memory);

CREATE TABLE links (
    source TEXT NOT NULL, target TEXT NOT NULL, relation TEXT NOT NULL, score REAL NOT NULL,
    PRIMARY KEY (source, target, relation)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_by_target ON links (target);

CREATE TABLE erasures (
    seq INTEGER PRIMARY KEY, key INTEGER NOT NULL, id TEXT NOT NULL, namespace INTEGER NOT NULL, erased_at INTEGER NOT NULL
) STRICT;
CREATE INDEX erasures_by_seq ON erasures (namespace, seq);
CREATE INDEX erasures_by_id ON erasures (id);

CREATE TABLE embedders (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL) STRICT;
-- How far an index outside the ledger has followed a namespace; namespace 0 stands for the index itself.
CREATE TABLE index_states (
    name TEXT NOT NULL, namespace INTEGER NOT NULL, generation TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (name, namespace)
) STRICT, WITHOUT ROWID;
"""

_VERSION_2 = """
-- Working memory: what was said and every edit of what is shown of it. Rows are appended and never changed.
CREATE TABLE sessions (
    key INTEGER PRIMARY KEY AUTOINCREMENT, namespace INTEGER NOT NULL REFERENCES namespaces (key), name TEXT NOT NULL,
    created_at INTEGER NOT NULL, UNIQUE (namespace, name)
) STRICT;
CREATE TABLE session_messages (
    session INTEGER NOT NULL, position INTEGER NOT NULL,
    body TEXT NOT NULL,               -- JSON object
    tokens TEXT NOT NULL,             -- JSON list: of the text, then of each call
    counter TEXT NOT NULL,            -- what counted them
    PRIMARY KEY (session, position)
) STRICT;
CREATE TABLE session_edits (
    session INTEGER NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (session, number)
) STRICT;
"""

_VERSION_3 = """
-- Which of the guard's rules have looked at a text: 0 none, 1 those for trusted channels, 2 all.
ALTER TABLE memories ADD COLUMN screened INTEGER NOT NULL DEFAULT 0;
CREATE INDEX memories_unscreened ON memories (key) WHERE screened = 0;

CREATE TABLE guard_marks (
    key INTEGER PRIMARY KEY,          -- of a memory
    source INTEGER NOT NULL,          -- hash of what told its origin apart, 0 for a trusted one
    at INTEGER NOT NULL,
    body TEXT NOT NULL                -- JSON object
) STRICT;
CREATE INDEX guard_marks_by_source ON guard_marks (source, at) WHERE source != 0;

CREATE TABLE guard_lessons (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, namespace INTEGER NOT NULL REFERENCES namespaces (key),
    fingerprint INTEGER NOT NULL, source TEXT, body TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    hits INTEGER NOT NULL, last_hit_at INTEGER, status TEXT NOT NULL, UNIQUE (namespace, fingerprint)
) STRICT;
CREATE INDEX guard_lessons_by_source ON guard_lessons (source) WHERE source IS NOT NULL;

-- Into which context (a connection, a session, a task) a doubtful memory was delivered.
CREATE TABLE guard_exposures (
    context TEXT NOT NULL, key INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (context, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE guard_rejections (
    key INTEGER NOT NULL, question INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (key, question)
) STRICT, WITHOUT ROWID;

-- Each hash covers its row and the hash before it.
CREATE TABLE guard_audit (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, namespace TEXT NOT NULL, action TEXT NOT NULL, memory TEXT,
    origin TEXT NOT NULL, policy TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
-- The number and the hash of the last entry, so that a log cut at its end shows.
CREATE TABLE guard_audit_end (
    only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL, hash TEXT NOT NULL
) STRICT;
"""

_LEARNING = """
-- By which further words a memory is found, such as the general form of the task that an experience came from.
ALTER TABLE memories ADD COLUMN hints TEXT NOT NULL DEFAULT '';
CREATE INDEX memories_procedural ON memories (namespace, key) WHERE kind = 'procedural';
DROP TRIGGER memories_appended;
DROP TRIGGER memories_erased;
DROP VIEW memories_searched;
CREATE VIEW memories_searched AS
SELECT key, 'ns' || namespace AS scope,
       dated || ' ' || text || ' ' || coalesce(when_to_use, '') || ' ' || tags || ' ' || hints AS body
FROM memories;
CREATE TRIGGER memories_appended AFTER INSERT ON memories BEGIN
    INSERT INTO memories_words (rowid, scope, body)
    SELECT key, scope, body FROM memories_searched WHERE key = new.key;
END;
CREATE TRIGGER memories_erased BEFORE DELETE ON memories BEGIN
    INSERT INTO memories_words (memories_words, rowid, scope, body)
    SELECT 'delete', key, scope, body FROM memories_searched WHERE key = old.key;
END;

CREATE TABLE utilities (
    key INTEGER PRIMARY KEY,          -- of a memory
    shown INTEGER NOT NULL, shown_successes INTEGER NOT NULL, used INTEGER NOT NULL, used_successes INTEGER NOT NULL,
    reward_sum REAL NOT NULL, recent REAL NOT NULL, recent_successes REAL NOT NULL, q_value REAL NOT NULL,
    doubt REAL NOT NULL, last_used_at INTEGER
) STRICT;

-- Finished tasks. Rows are appended and never changed.
CREATE TABLE outcomes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    namespace INTEGER NOT NULL REFERENCES namespaces (key),
    ordinal INTEGER NOT NULL,         -- counts the tasks of the namespace
    task INTEGER NOT NULL,            -- hash of its words
    report TEXT,                      -- what makes a retry the same report
    reward REAL NOT NULL, success INTEGER NOT NULL, at INTEGER NOT NULL,
    body TEXT NOT NULL                -- JSON object
) STRICT;
CREATE UNIQUE INDEX outcomes_by_ordinal ON outcomes (namespace, ordinal);
CREATE UNIQUE INDEX outcomes_by_report ON outcomes (namespace, report) WHERE report IS NOT NULL;
CREATE INDEX outcomes_by_task ON outcomes (namespace, task, number);

CREATE TABLE experiences (
    key INTEGER PRIMARY KEY,          -- of a memory
    namespace INTEGER NOT NULL,
    body TEXT NOT NULL                -- JSON object
) STRICT;
CREATE INDEX experiences_by_namespace ON experiences (namespace, key);
CREATE TABLE facet_vectors (
    key INTEGER NOT NULL, facet TEXT NOT NULL, embedder INTEGER NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (key, facet, embedder)
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, namespace INTEGER NOT NULL REFERENCES namespaces (key),
    status TEXT NOT NULL, created_at INTEGER NOT NULL,
    body TEXT NOT NULL                -- JSON object
) STRICT;
CREATE INDEX plans_by_namespace ON plans (namespace, key);

-- Most marks are about the text alone; whether any stranger's words are here is asked with every memory that is written.
CREATE INDEX guard_marks_tainted ON guard_marks (key)
WHERE source != 0 OR json_extract(body, '$.taints') IS NOT NULL;

-- 0: a note that a plan wrote was taken back with the plan. Indexes must hear of it, and nobody else.
ALTER TABLE erasures ADD COLUMN receipt INTEGER NOT NULL DEFAULT 1;
"""

_FACTS = """
-- What memories say of attributes that have one value at a time.
CREATE TABLE facts (
    key INTEGER PRIMARY KEY,          -- of a memory
    place INTEGER NOT NULL,           -- hash of namespace, subject and attribute
    lane INTEGER NOT NULL,            -- 0 for trusted origins, else a hash of the one origin
    ended INTEGER NOT NULL,           -- 1 when the memory is superseded
    valid_from INTEGER NOT NULL,      -- that of the memory
    body TEXT NOT NULL                -- JSON object
) STRICT;
CREATE INDEX facts_by_place ON facts (place, lane, ended, valid_from);
-- Several memories may have one successor: what contradicted each other until somebody said what is so.
CREATE INDEX memories_by_successor ON memories (superseded_by) WHERE superseded_by IS NOT NULL;
"""

_VERSION_4 = _LEARNING + _FACTS

_VERSION_5 = """
-- Into how many passages a text is cut: 0 when it stays whole, -1 when nobody has looked yet. Their vectors are a facet's.
ALTER TABLE memories ADD COLUMN passages INTEGER NOT NULL DEFAULT 0;
-- What is no longer than this is short in any script (`mnemic.domain.passages`).
UPDATE memories SET passages = -1 WHERE length(text) > 400;
CREATE INDEX memories_uncut ON memories (key) WHERE passages < 0;
CREATE INDEX memories_in_passages ON memories (namespace, seq) WHERE passages > 0;
CREATE TABLE passages (
    place INTEGER PRIMARY KEY,        -- 4096 times the memory's key, and the number of the passage in it
    start INTEGER NOT NULL, length INTEGER NOT NULL -- in characters
) STRICT;
CREATE VIEW passages_searched AS
SELECT p.place, 'ns' || m.namespace AS scope, substr(m.text, p.start + 1, p.length) AS body
FROM passages p JOIN memories m ON m.key = p.place / 4096;
CREATE VIRTUAL TABLE passages_words USING fts5 (
    scope, body, content = 'passages_searched', content_rowid = 'place', tokenize = 'porter unicode61'
);
CREATE TRIGGER passages_appended AFTER INSERT ON passages BEGIN
    INSERT INTO passages_words (rowid, scope, body)
    SELECT place, scope, body FROM passages_searched WHERE place = new.place;
END;
CREATE TRIGGER passages_erased BEFORE DELETE ON passages BEGIN
    INSERT INTO passages_words (passages_words, rowid, scope, body)
    SELECT 'delete', place, scope, body FROM passages_searched WHERE place = old.place;
END;
"""

_VERSION_6 = """
-- `hints` holds the further words of a text as well (`mnemic.domain.forms`). Where there are some, the full text learns it.
CREATE TEMP TABLE reworded AS
SELECT key, words FROM (SELECT key, further_words(text, when_to_use) AS words FROM memories) WHERE words != '';
INSERT INTO memories_words (memories_words, rowid, scope, body)
SELECT 'delete', key, scope, body FROM memories_searched WHERE key IN (SELECT key FROM temp.reworded);
UPDATE memories SET hints = trim(hints || ' ' || r.words) FROM temp.reworded r WHERE r.key = memories.key;
INSERT INTO memories_words (rowid, scope, body)
SELECT key, scope, body FROM memories_searched WHERE key IN (SELECT key FROM temp.reworded);
DROP TABLE temp.reworded;
"""

_VERSION_7 = """
-- Items: values that programs keep under keys (`mnemic.domain.items`). Labels and names are JSON, so any string can be one.
CREATE TABLE item_spaces (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL REFERENCES namespaces (key), -- the root of the store
    path TEXT NOT NULL,               -- JSON list of labels
    UNIQUE (namespace, path)
) STRICT;
CREATE TABLE items (
    key INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL REFERENCES item_spaces (key),
    name TEXT NOT NULL,               -- JSON string
    value TEXT NOT NULL,              -- JSON object
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    origin TEXT NOT NULL,             -- JSON object
    ttl INTEGER, expires_at INTEGER,  -- microseconds, as all times
    UNIQUE (space, name)
) STRICT;
CREATE INDEX items_in_order ON items (space, key);
CREATE INDEX items_by_end ON items (expires_at) WHERE expires_at IS NOT NULL;
-- The memories that hold an item's words now.
CREATE TABLE item_memories (
    item INTEGER NOT NULL, place TEXT NOT NULL, memory INTEGER NOT NULL, searched INTEGER NOT NULL,
    PRIMARY KEY (item, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_memories_by_memory ON item_memories (memory);
"""

_VERSION_8 = """
-- 1: cold, so nothing is kept of it that its text can give again; 2: it was cold and came back, whatever its embedders know.
ALTER TABLE memories ADD COLUMN cold INTEGER NOT NULL DEFAULT 0;
CREATE INDEX memories_coolable ON memories (key) WHERE held = 'archived' AND cold != 1;
CREATE INDEX memories_returned ON memories (key) WHERE cold = 2;
"""

_VERSION_9 = """
-- The guard's log grows with all use of the ledger: who asks for entries of a namespace or a memory reads those alone.
CREATE INDEX guard_audit_by_namespace ON guard_audit (namespace, number);
CREATE INDEX guard_audit_by_memory ON guard_audit (memory, namespace, number) WHERE memory IS NOT NULL;
"""


MIGRATIONS = (
    _VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6, _VERSION_7, _VERSION_8, _VERSION_9,
)  # fmt: skip
VERSION = len(MIGRATIONS)


def newer(found: int, *, where: str) -> StoreUnavailable:
    """What to raise for a ledger that a newer mnemic wrote. ``where`` says how to use another one."""
    return StoreUnavailable(
        f"The ledger has schema version {found}; this mnemic knows versions up to {VERSION}.",
        hint=f"Update mnemic, or {where}. The ledger was not touched.",
    )


def statements(script: str) -> list[str]:
    """The statements of a migration, each with its semicolon."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
