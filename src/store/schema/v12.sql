-- By which tokens of an OpenID issuer a user logs in to a server; see domain::oidc. The claims are a JSON object, in
-- the order of their names.
CREATE TABLE oidc_links (
  user INTEGER PRIMARY KEY REFERENCES users(id),
  kind TEXT NOT NULL CHECK (kind IN ('person','job')),
  issuer TEXT NOT NULL,
  claims TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX oidc_links_one ON oidc_links (issuer, kind, claims);
