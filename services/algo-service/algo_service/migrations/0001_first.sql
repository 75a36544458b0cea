CREATE TABLE users (
  id uuid PRIMARY KEY,
  place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,   -- by which lists are paged
  username text NOT NULL UNIQUE,
  password_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('user', 'operator')),
  disabled boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE documents (
  id uuid PRIMARY KEY,
  place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  owner uuid NOT NULL,
  shared boolean NOT NULL,                            -- an operator's: everybody finds it
  title text NOT NULL,
  filename text NOT NULL,
  content_type text NOT NULL,
  kind text NOT NULL,
  size bigint NOT NULL,
  sha256 bytea NOT NULL,
  status text NOT NULL CHECK (status IN ('queued', 'running', 'ready', 'failed', 'deleting')),
  chunks int NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX documents_content ON documents (owner, sha256) WHERE status <> 'deleting';
CREATE INDEX documents_owner ON documents (owner, place);

CREATE TABLE jobs (
  id uuid PRIMARY KEY,
  place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
  owner uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('ingest', 'delete')),
  status text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed')),
  error text,
  attempts int NOT NULL DEFAULT 0,
  indexed int NOT NULL DEFAULT 0,                     -- chunks that every index has
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_document ON jobs (document_id);
CREATE INDEX jobs_owner ON jobs (owner, place);
CREATE INDEX jobs_open ON jobs (updated_at) WHERE status IN ('queued', 'running');

CREATE TABLE chunks (
  document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
  number int NOT NULL,
  part text NOT NULL,                                 -- page, or file of an archive
  text text NOT NULL,
  PRIMARY KEY (document_id, number)
);
