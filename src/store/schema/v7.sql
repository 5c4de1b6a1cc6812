-- What files carry instead of the address that was registered, and the name that the server's
-- certificate has where it is another than the address's.
ALTER TABLE clusters ADD COLUMN public_server TEXT;
ALTER TABLE clusters ADD COLUMN public_tls_server_name TEXT;
