//! The tables of a PostgreSQL store: those of a file, in its words, so that there is one list of them.
//!
//! What SQLite says with its types, PostgreSQL says with BIGINT, TEXT and BYTEA; texts are compared byte
//! by byte. Triggers refuse hand edits: rows change only where a transaction of ours notes them.

use super::super::Made;
use super::SCHEMA;
use super::text::{Token, each_token, translated};

/// What is there: functions, triggers, tables, columns, indexes, rules and constraints, each as one row
/// of kind, name and text. Nothing that another version of PostgreSQL would write in other words.
pub(super) const FOUND: &str = "
SELECT 'function' AS kind, p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS name,
    p.prosrc || p.prosecdef::text || coalesce(pg_catalog.array_to_string(p.proconfig, ','), '') AS text
  FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'kubegrant'::regnamespace
UNION ALL
SELECT 'trigger', c.relname || '.' || t.tgname,
    p.proname::text || ' ' || t.tgenabled::text || ' ' || t.tgtype::text || ' '
    || (t.tgqual IS NULL)::text || ' ' || encode(t.tgargs, 'hex')
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  WHERE c.relnamespace = 'kubegrant'::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT CASE c.relkind WHEN 'i' THEN 'index' WHEN 'r' THEN 'table' ELSE 'object' END, c.relname::text,
    c.relkind::text || ' ' || c.relrowsecurity::text
  FROM pg_catalog.pg_class c WHERE c.relnamespace = 'kubegrant'::regnamespace
UNION ALL
SELECT 'column', c.relname || '.' || a.attname,
    a.atttypid::regtype::text || ' ' || a.attnotnull::text || ' ' || a.attcollation::text
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'kubegrant'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
    AND NOT a.attisdropped
UNION ALL
SELECT 'rule', c.relname || '.' || r.rulename, r.ev_type::text
  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
  WHERE c.relnamespace = 'kubegrant'::regnamespace
UNION ALL
SELECT 'constraint', c.relname || '.' || k.conname, k.contype::text || ' ' || k.convalidated::text
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  WHERE c.relnamespace = 'kubegrant'::regnamespace";

/// What every store has beside its tables.
const FIRST: &str = "
CREATE TABLE schema (version BIGINT NOT NULL);
CREATE TABLE shape (kind TEXT COLLATE \"C\" NOT NULL, name TEXT COLLATE \"C\" NOT NULL,
  text TEXT COLLATE \"C\" NOT NULL, PRIMARY KEY (kind, name));
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $body$;
CREATE FUNCTION hex(it text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT upper(encode(convert_to(it, 'UTF8'), 'hex')) $body$;
CREATE FUNCTION image(it bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT CASE WHEN it IS NULL THEN '-' ELSE
    'x' || upper(encode(convert_to(it::text, 'UTF8'), 'hex')) END $body$;
CREATE FUNCTION image(it text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT CASE WHEN it IS NULL THEN '-' ELSE
    'x' || upper(encode(convert_to(it, 'UTF8'), 'hex')) END $body$;
CREATE FUNCTION image(it bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT CASE WHEN it IS NULL THEN '-' ELSE 'x' || upper(encode(it, 'hex')) END $body$;
";

/// Remembers whose everything is, who may do what, and the number that the last session had.
pub(super) const KEEP_RIGHTS: &str = "
CREATE TEMPORARY TABLE kept_number ON COMMIT DROP AS
  SELECT last_value, is_called FROM kubegrant.sessions_id_seq;
CREATE TEMPORARY TABLE kept_rights ON COMMIT DROP AS
  SELECT c.relname::text AS name, a.privilege_type AS may, a.is_grantable AS passes_on,
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS who
    FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
    WHERE c.relnamespace = 'kubegrant'::regnamespace AND c.relkind IN ('r', 'S') AND a.grantee <> c.relowner
  UNION ALL
  SELECT '', a.privilege_type, a.is_grantable,
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
    FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
    WHERE n.nspname = 'kubegrant' AND a.grantee <> n.nspowner;
CREATE TEMPORARY TABLE kept_names ON COMMIT DROP AS
  SELECT relname AS name FROM pg_catalog.pg_class WHERE relnamespace = 'kubegrant'::regnamespace;
CREATE TEMPORARY TABLE kept_owner ON COMMIT DROP AS
  SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(nspowner)) AS name
    FROM pg_catalog.pg_namespace WHERE nspname = 'kubegrant';";

/// Gives it all back; a table that was not there gets what that of the users has.
pub(super) const GIVE_RIGHTS: &str = "
SELECT pg_catalog.setval('kubegrant.sessions_id_seq', last_value, is_called) FROM kept_number;
DO $body$ DECLARE it record; owner text; BEGIN
  SELECT name INTO owner FROM kept_owner;
  FOR it IN SELECT c.relname FROM pg_catalog.pg_class c
      WHERE c.relnamespace = 'kubegrant'::regnamespace AND c.relkind = 'r' LOOP
    EXECUTE format('ALTER TABLE kubegrant.%I OWNER TO %s', it.relname, owner);
  END LOOP;
  FOR it IN SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
      WHERE p.pronamespace = 'kubegrant'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %s', it.name, owner);
  END LOOP;
  EXECUTE format('ALTER SCHEMA kubegrant OWNER TO %s', owner);
  FOR it IN
      SELECT c.relname::text AS name, k.may, k.passes_on, k.who, c.relkind FROM pg_catalog.pg_class c
        JOIN kept_rights k ON k.name = CASE
          WHEN c.relkind = 'S' OR c.relname IN (SELECT name FROM kept_names) THEN c.relname
          ELSE 'users' END
        WHERE c.relnamespace = 'kubegrant'::regnamespace AND c.relkind IN ('r', 'S') LOOP
    EXECUTE format('GRANT %s ON %s kubegrant.%I TO %s%s', it.may,
      CASE it.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, it.name, it.who,
      CASE WHEN it.passes_on THEN ' WITH GRANT OPTION' ELSE '' END);
  END LOOP;
  FOR it IN SELECT may, passes_on, who FROM kept_rights WHERE name = '' LOOP
    EXECUTE format('GRANT %s ON SCHEMA kubegrant TO %s%s', it.may, it.who,
      CASE WHEN it.passes_on THEN ' WITH GRANT OPTION' ELSE '' END);
  END LOOP;
END $body$;";

/// What makes a store: its tables and all that belongs to them, and the functions that `notes` has.
pub(super) fn script(made: &[Made], version: i64, notes: &str) -> String {
    let mut script = format!(
        "CREATE SCHEMA {SCHEMA}; SET LOCAL search_path = {SCHEMA}, pg_catalog, pg_temp; {FIRST}
         INSERT INTO schema VALUES ({version});\n"
    );
    let of_kind = |kind: &'static str| made.iter().filter(move |it| it.kind == kind);
    for it in of_kind("table") {
        script.push_str(&table(&it.sql));
    }
    for it in of_kind("index") {
        script.push_str(&translated(&it.sql, &[]));
        script.push_str(";\n");
    }
    script.push_str("CREATE UNIQUE INDEX users_one_email ON users (lower(email));\n");
    for it in of_kind("trigger") {
        script.push_str(&trigger(&it.sql));
    }
    for it in of_kind("table") {
        let name = &it.name;
        let whole = format!(
            "CREATE TRIGGER {name}_whole BEFORE TRUNCATE ON {name} FOR EACH STATEMENT
             EXECUTE FUNCTION refuse('what is in it is not thrown away at once');\n"
        );
        script.push_str(&whole);
    }
    script.push_str(&translated(notes, &[]));
    script
}

/// Keeps what is there as what should be there.
pub(super) fn keep_shape() -> String {
    format!("DELETE FROM shape; INSERT INTO shape {FOUND};")
}

/// Asks whether what is there is what should be there.
pub(super) fn is_kept() -> String {
    format!(
        "WITH found AS MATERIALIZED (SELECT kind COLLATE \"C\" AS kind, name COLLATE \"C\" AS name,
             text COLLATE \"C\" AS text FROM ({FOUND}) AS it)
         SELECT NOT EXISTS (SELECT kind, name, text FROM found EXCEPT SELECT kind, name, text FROM shape)
           AND NOT EXISTS (SELECT kind, name, text FROM shape EXCEPT SELECT kind, name, text FROM found)"
    )
}

/// A table of SQLite's in PostgreSQL's words.
fn table(sql: &str) -> String {
    // What follows the columns is SQLite's own: STRICT, WITHOUT ROWID.
    let end = sql.rfind(')').map_or(sql.len(), |at| at + 1);
    let mut out = String::new();
    let mut drops_next = false;
    // Where a reference to another table's column ends.
    let mut refers = false;
    each_token(&sql[..end], |token| match token {
        Token::Word("INTEGER") => out.push_str("BIGINT"),
        Token::Word("BLOB") => out.push_str("BYTEA"),
        Token::Word("TEXT") => out.push_str("TEXT COLLATE \"C\""),
        Token::Word("AUTOINCREMENT") => out.push_str("GENERATED BY DEFAULT AS IDENTITY"),
        Token::Word("COLLATE") => drops_next = true,
        Token::Word(_) if drops_next => drops_next = false,
        Token::Word("user") => out.push_str("\"user\""),
        Token::Word("REFERENCES") => {
            refers = true;
            out.push_str("REFERENCES");
        }
        Token::Other(")") if refers => {
            refers = false;
            out.push_str(") DEFERRABLE");
        }
        Token::Other(comment) if comment.starts_with("--") => {}
        Token::Word(text) | Token::Given(text) | Token::Other(text) => out.push_str(text),
    });
    out.push_str(";\n");
    out
}

/// A trigger of SQLite's that refuses something, in PostgreSQL's words.
fn trigger(sql: &str) -> String {
    let refusal = "BEGIN SELECT RAISE(ABORT, '";
    let Some((head, rest)) = sql.split_once(refusal) else {
        return String::new();
    };
    let why = rest.split('\'').next().unwrap_or_default();
    let head = translated(head, &[]);
    let (head, condition) = match head.split_once("WHEN") {
        Some((head, condition)) => (head.to_owned(), format!("WHEN ({condition})")),
        None => (head, String::new()),
    };
    format!("{head} FOR EACH ROW {condition} EXECUTE FUNCTION refuse('{why}');\n")
}

/// The statements that make the roles of a store, for somebody to read and run.
pub(in crate::store::engine) fn roles(database: &str) -> String {
    format!(
        "-- Run as a superuser, or as whoever owns the database; read it first.
CREATE ROLE {SCHEMA}_owner NOLOGIN;   -- makes the tables, and changes them: kubegrant init
CREATE ROLE {SCHEMA}_app NOLOGIN;     -- what kubegrant works with
CREATE ROLE {SCHEMA}_read NOLOGIN;    -- status, list and audit, and nothing else
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE \"{database}\" TO {SCHEMA}_owner;
GRANT CONNECT, TEMPORARY ON DATABASE \"{database}\" TO {SCHEMA}_app;
GRANT CONNECT ON DATABASE \"{database}\" TO {SCHEMA}_read;
-- Once the store is made:
ALTER SCHEMA {SCHEMA} OWNER TO {SCHEMA}_owner;
DO $$ DECLARE it record; BEGIN
  FOR it IN SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}' LOOP
    EXECUTE format('ALTER TABLE {SCHEMA}.%I OWNER TO {SCHEMA}_owner', it.tablename);
  END LOOP;
  FOR it IN SELECT p.oid::regprocedure AS name FROM pg_proc AS p
      WHERE p.pronamespace = '{SCHEMA}'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO {SCHEMA}_owner', it.name);
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA {SCHEMA} TO {SCHEMA}_app, {SCHEMA}_read;
GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {SCHEMA}_app, {SCHEMA}_read;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA} TO {SCHEMA}_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {SCHEMA}_app;
REVOKE UPDATE, DELETE ON {SCHEMA}.audit FROM {SCHEMA}_app;
REVOKE INSERT, UPDATE, DELETE ON {SCHEMA}.schema, {SCHEMA}.shape FROM {SCHEMA}_app;
-- For each operator, with a password or a certificate of their own:
--   CREATE ROLE alice LOGIN PASSWORD '…' IN ROLE {SCHEMA}_app;
"
    )
}
