-- Who may call. Not part of the log: users have no revisions.
CREATE TABLE users(
  tenant INTEGER NOT NULL,
  name TEXT NOT NULL,
  password TEXT NOT NULL,          -- hash as crypt(5) spells it
  created_ticks INTEGER NOT NULL,
  PRIMARY KEY(tenant, name)
) STRICT, WITHOUT ROWID;
