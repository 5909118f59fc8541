"""Baton's own tables: a list of migrations that only ever grows, and how a database is brought to its end.

Everything lives in the schema `baton`, so a database may be shared. Documents that SQL never looks into are `json`, not
`jsonb`: a NUL character in a tool's output is then text like any other.

Not here: what the rows mean (the other modules of `orchestrator.storage`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from orchestrator.storage.errors import PostgresUnavailable

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

# Append only: a statement's position is the version that it brings the schema to.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE baton.runs (
        id text PRIMARY KEY,
        workspace text NOT NULL,
        title text NOT NULL,
        status text NOT NULL,
        agents text[] NOT NULL,
        pipeline_fingerprint text NOT NULL,
        plan_fingerprint text,
        started_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        result json
    );
    CREATE INDEX ix_runs_started_at ON baton.runs (started_at DESC);
    CREATE INDEX ix_runs_workspace ON baton.runs (workspace);
    """,
    """
    CREATE TABLE baton.events (
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        seq bigint NOT NULL,
        event json NOT NULL,
        PRIMARY KEY (run_id, seq)
    )
    """,
    """
    CREATE TABLE baton.questions (
        id text PRIMARY KEY,
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        node text NOT NULL,
        text text NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        answer json,
        answered_at timestamptz
    );
    CREATE INDEX ix_questions_run_id ON baton.questions (run_id, asked_at);
    """,
    """
    CREATE TABLE baton.receipts (
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        agent text NOT NULL,
        receipt json NOT NULL,
        published_at timestamptz,
        PRIMARY KEY (run_id, agent)
    )
    """,
    """
    CREATE TABLE baton.checkpoints (
        thread_id text NOT NULL,
        checkpoint_ns text NOT NULL,
        checkpoint_id text NOT NULL,
        parent_id text,
        type text NOT NULL,
        checkpoint bytea NOT NULL,
        metadata_type text NOT NULL,
        metadata bytea NOT NULL,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
    );
    CREATE TABLE baton.checkpoint_writes (
        thread_id text NOT NULL,
        checkpoint_ns text NOT NULL,
        checkpoint_id text NOT NULL,
        task_id text NOT NULL,
        idx integer NOT NULL,
        channel text NOT NULL,
        type text NOT NULL,
        value bytea NOT NULL,
        task_path text NOT NULL,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
    );
    """,
    """
    DROP INDEX baton.ix_runs_workspace;
    ALTER TABLE baton.runs
        DROP COLUMN pipeline_fingerprint,
        DROP COLUMN plan_fingerprint,
        ADD COLUMN fingerprint json,
        ADD COLUMN policy json NOT NULL DEFAULT '{}',
        ADD COLUMN prd bytea,
        ADD COLUMN owner text,
        ADD COLUMN wanted text,
        ADD COLUMN generation integer NOT NULL DEFAULT 0,
        ADD COLUMN resumes integer NOT NULL DEFAULT 0,
        ADD COLUMN forked_from text;
    CREATE INDEX ix_runs_workspace ON baton.runs (workspace, started_at DESC);
    CREATE INDEX ix_runs_owner ON baton.runs (owner) WHERE owner IS NOT NULL;
    """,
    """
    CREATE TABLE baton.steps (
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        step text NOT NULL,
        attempt integer NOT NULL,
        status text NOT NULL,
        input_hash text NOT NULL,
        receipt json,
        outcome json,
        superseded boolean NOT NULL DEFAULT false,
        started_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        published_at timestamptz,
        PRIMARY KEY (run_id, step, attempt)
    );
    INSERT INTO baton.steps (run_id, step, attempt, status, input_hash, receipt, published_at)
        SELECT run_id, agent, 1, 'begun', '', receipt, published_at FROM baton.receipts;
    DROP TABLE baton.receipts;
    """,
    """
    CREATE TABLE baton.handoffs (
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        step text NOT NULL,
        attempt integer NOT NULL,
        contract text NOT NULL,
        path text NOT NULL,
        sha256 bytea NOT NULL,
        published_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (run_id, step, attempt)
    );
    CREATE TABLE baton.content (
        sha256 bytea PRIMARY KEY,
        size bigint NOT NULL,
        data bytea NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now()
    );
    ALTER TABLE baton.content ALTER COLUMN data SET STORAGE EXTERNAL;
    CREATE TABLE baton.content_of_runs (
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        sha256 bytea NOT NULL REFERENCES baton.content,
        PRIMARY KEY (run_id, sha256)
    );
    CREATE INDEX ix_content_of_runs_sha256 ON baton.content_of_runs (sha256);
    """,
    """
    ALTER TABLE baton.questions
        ADD COLUMN kind text NOT NULL DEFAULT 'handoff',
        ADD COLUMN schema json NOT NULL DEFAULT '{"type": "string"}',
        ADD COLUMN options json NOT NULL DEFAULT '[]',
        ADD COLUMN default_answer json NOT NULL DEFAULT '"give up"',
        ADD COLUMN deadline timestamptz,
        ADD COLUMN answered_by text;
    UPDATE baton.questions SET answered_by = 'person' WHERE answer IS NOT NULL;
    """,
    """
    CREATE TABLE baton.checkpoint_values (
        thread_id text COLLATE "C" NOT NULL,
        hash bytea NOT NULL,
        type text NOT NULL,
        value bytea NOT NULL,
        PRIMARY KEY (thread_id, hash)
    );
    ALTER TABLE baton.checkpoint_values ALTER COLUMN value SET STORAGE EXTERNAL;
    ALTER TABLE baton.checkpoints
        ALTER COLUMN thread_id TYPE text COLLATE "C",
        ALTER COLUMN checkpoint_ns TYPE text COLLATE "C",
        ALTER COLUMN checkpoint_id TYPE text COLLATE "C",
        ADD COLUMN run_id text,
        ADD COLUMN value_hashes bytea[] NOT NULL DEFAULT '{}',
        ALTER COLUMN checkpoint SET STORAGE EXTERNAL,
        ALTER COLUMN metadata SET STORAGE EXTERNAL;
    CREATE INDEX ix_checkpoints_run_id ON baton.checkpoints (run_id) WHERE run_id IS NOT NULL;
    ALTER TABLE baton.checkpoint_writes
        ALTER COLUMN thread_id TYPE text COLLATE "C",
        ALTER COLUMN checkpoint_ns TYPE text COLLATE "C",
        ALTER COLUMN checkpoint_id TYPE text COLLATE "C",
        ADD COLUMN value_hash bytea,
        ALTER COLUMN value SET STORAGE EXTERNAL;
    """,
    """
    ALTER TABLE baton.runs ADD COLUMN workflow text NOT NULL DEFAULT 'feature', ADD COLUMN shape json;
    UPDATE baton.runs SET shape = json_build_object('name', 'feature', 'entry', 'feature-prd', 'steps', (
        SELECT coalesce(json_agg(json_build_object('agent', agent, 'name', agent) ORDER BY place), '[]')
        FROM unnest(agents) WITH ORDINALITY AS step (agent, place)
    ));
    ALTER TABLE baton.runs ALTER COLUMN workflow DROP DEFAULT, ALTER COLUMN shape SET NOT NULL;
    """,
)
# The server goes away, or there is a pooler that was not declared.
_NOT_OF_A_MIGRATION = (
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
)
_LOCK = 0x6261746F6E  # "baton"


class DatabaseTooNew(PostgresUnavailable):
    """A newer Baton has migrated the database. Nothing was changed."""

    code = "database_too_new"


class MigrationFailed(PostgresUnavailable):
    """The tables cannot be made or changed; they are as the last migration that succeeded left them."""

    code = "migration_failed"


async def migrate(connection: Connection) -> None:
    """Bring the schema to the newest version. Safe if several processes do it at once, and behind poolers.

    Raises:
        DatabaseTooNew: It is at a version that this Baton does not know.
        MigrationFailed: The role may not, or a statement failed.
    """
    version = await version_of(connection)
    while version < len(MIGRATIONS):
        try:
            version = await _step(connection)
        except asyncpg.PostgresError as error:
            if connection.is_closed() or isinstance(error, _NOT_OF_A_MIGRATION):
                raise
            raise await _failed(connection, version, error) from error


async def version_of(connection: Connection) -> int:
    """Return the version of the schema, 0 if there is none.

    Raises:
        DatabaseTooNew: This Baton does not know it.
        MigrationFailed: The role may not look.
    """
    try:
        async with connection.transaction():  # poolers keep only a transaction on one connection
            version = await connection.fetchval("SELECT max(version) FROM baton.schema_version") or 0
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return 0
    except asyncpg.InsufficientPrivilegeError as error:
        raise await _failed(connection, 0, error) from error
    if version > len(MIGRATIONS):
        raise DatabaseTooNew(
            f"Baton's tables in this database have version {version}; this Baton knows versions up to"
            f" {len(MIGRATIONS)}. Nothing was changed. Use the newer Baton, or point BATON_DATABASE_URL at another"
            " database."
        )
    return int(version)


async def _step(connection: Connection) -> int:
    """Make one migration, in a transaction, unless another process did; return the version reached."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        # `CREATE SCHEMA IF NOT EXISTS` and `to_regnamespace` look into a cache, which may be older than the lock.
        if not await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = 'baton'"):
            await connection.execute("CREATE SCHEMA baton")
        await connection.execute("CREATE TABLE IF NOT EXISTS baton.schema_version (version integer NOT NULL)")
        version = await version_of(connection)
        if version < len(MIGRATIONS):
            await connection.execute(MIGRATIONS[version])
            version += 1
            await connection.execute("DELETE FROM baton.schema_version")
            await connection.execute("INSERT INTO baton.schema_version VALUES ($1)", version)
        return version


async def _failed(connection: Connection, version: int, error: Exception) -> MigrationFailed:
    async with connection.transaction():
        role, database = await connection.fetchrow("SELECT current_user, current_database()") or ("", "")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        way_out = (
            f'Have the owner of the database run `CREATE SCHEMA IF NOT EXISTS baton AUTHORIZATION "{role}"`,'
            " or use a role that may create schemas."
        )
    elif isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        way_out = "Point BATON_DATABASE_URL at the primary server, not at a replica."
    else:
        way_out = "Correct the cause and start Baton again, or point BATON_DATABASE_URL at another database."
    return MigrationFailed(
        f"the role `{role}` cannot bring Baton's tables in the database `{database}` from version {version} to"
        f" {len(MIGRATIONS)}: {error}.\nNothing of that step was kept. {way_out}"
    )
