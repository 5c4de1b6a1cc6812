-- With whose key an event is signed, as it names its user; it is in the event's hash. The signature is over the hash.
ALTER TABLE audit ADD COLUMN signer TEXT;
ALTER TABLE audit ADD COLUMN signature BLOB;
-- What the event's transaction did to the rows that decide something, as canonical JSON; see store::recorded. It is in
-- the event's hash.
ALTER TABLE audit ADD COLUMN change TEXT;
