PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (
  key TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES('organization','Acme');
INSERT INTO meta VALUES('installation','e8dd943d');
INSERT INTO meta VALUES('public_url','https://localhost:43793');
INSERT INTO meta VALUES('oidc_issuer','https://id.example');
INSERT INTO meta VALUES('oidc_client','kubegrant');
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  email TEXT UNIQUE COLLATE NOCASE,
  role TEXT NOT NULL CHECK (role IN ('developer','admin','owner')),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0,1)),
  key TEXT UNIQUE,
  created_at INTEGER NOT NULL
, key_set_at INTEGER, key_set_by INTEGER REFERENCES users(id)) STRICT;
INSERT INTO users VALUES(1,'olivia',NULL,'owner',1,'age1hvf36utpwymhp7qdkdtwhcz3cy3sg9546qrjkg9gnq6m8elmrfdqw2p2m9',1795341600,NULL,NULL);
INSERT INTO users VALUES(2,'alice',NULL,'developer',1,'age1p6uy93et2cxuhefxrhjffg26qyydxl6gpg35paxw7ccl39q6yg7sdykutl',1795341600,NULL,NULL);
INSERT INTO users VALUES(3,'bob',NULL,'developer',1,'age1tt7lqufwr34uwcqmenf8eph6ejg84j6ksh2cy5fysq9eek5kzvxq4fsgfg',1795341600,NULL,NULL);
INSERT INTO users VALUES(4,'desk',NULL,'developer',1,'age1xkh4g4f2kh8gz9usmwsg5gsmkcuqzytc9ffkt6qwmraemzer8gwsj47z05',1795341600,NULL,NULL);
CREATE TABLE clusters (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active','archived')),
  protected INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0,1)),
  owner INTEGER REFERENCES users(id),
  description TEXT NOT NULL DEFAULT '',
  labels TEXT NOT NULL DEFAULT '{}',
  server TEXT NOT NULL, ca_pem TEXT, tls_server_name TEXT, proxy_url TEXT,
  kube_system_uid TEXT NOT NULL,
  version TEXT NOT NULL DEFAULT '',
  manager TEXT NOT NULL,
  manager_kind TEXT NOT NULL CHECK (manager_kind IN ('token','secret','operator')),
  manager_generation INTEGER NOT NULL DEFAULT 1,
  manager_secret BLOB,
  manager_expires_at INTEGER,
  write_scope TEXT NOT NULL DEFAULT 'namespaces' CHECK (write_scope IN ('namespaces','cluster')),
  held_back TEXT NOT NULL DEFAULT '[]',
  created_at INTEGER NOT NULL,
  reached_at INTEGER,
  reach_owed INTEGER NOT NULL DEFAULT 0 CHECK (reach_owed IN (0,1)),
  older_logins INTEGER NOT NULL DEFAULT 1 CHECK (older_logins IN (0,1)),
  deleting_at INTEGER,
  removed_at INTEGER
, project INTEGER REFERENCES projects(id), orphans_owed INTEGER NOT NULL DEFAULT 0 CHECK (orphans_owed IN (0,1)), included TEXT NOT NULL DEFAULT '[]', write_allow TEXT NOT NULL DEFAULT '[]', former_managers TEXT NOT NULL DEFAULT '[]', accounts_rotated_at INTEGER NOT NULL DEFAULT 0, public_server TEXT, public_tls_server_name TEXT, looked_at INTEGER, scan_every INTEGER NOT NULL DEFAULT 600 CHECK (scan_every > 0)) STRICT;
INSERT INTO clusters VALUES(1,'prod','active',0,NULL,'seen by schema 13','{}','https://127.0.0.1:37455',replace('-----BEGIN CERTIFICATE-----\nMIIBbjCCARSgAwIBAgIUfIB4gpuQZsE/m+p+m+fRPd8/IYowCgYIKoZIzj0EAwIw\nFTETMBEGA1UEAwwKc2FuZGJveC1jYTAeFw0yNjExMjkwMDAwMDBaFw0zNjExMjcw\nMDAwMDBaMBUxEzARBgNVBAMMCnNhbmRib3gtY2EwWTATBgcqhkjOPQIBBggqhkjO\nPQMBBwNCAARJ2/VBIeuvZ53rF++WErRrbVaRFDF4mRNIF0tGzJ55pVHEexxZg6F6\nE2InH0YjuNj05EpoT5zjlZ1pSQiPy3eho0IwQDAOBgNVHQ8BAf8EBAMCAoQwHQYD\nVR0OBBYEFKH5kEoGXZOGUAfBe2gfGLWp5y7JMA8GA1UdEwEB/wQFMAMBAf8wCgYI\nKoZIzj0EAwIDSAAwRQIhAOErs+0e3thFcH1QmplcUeHNHA5om4KI5dAayui4Q7Gw\nAiAjjzknuRWfHN+PVsCIkSrmkT6E782AbzM7ogZvepJRPQ==\n-----END CERTIFICATE-----\n','\n',char(10)),NULL,NULL,'426824e4-eb45-480b-9057-7a232b742e39','v1.36.0+sandbox','kubegrant-manager','token',1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e20583235353139204b4330556b4e354e565655795943416c31547455725377524c2f4362766d4a797a6e4d384e417a306d566f0a7969655246434563395573394b674941337a35676c317277583462434b774439585a73673769502b5837670a2d3e2070437d3a56255c702d67726561736520513361204a405c2726633147204a7720456d433c3c5b0a2b6d59754e4631430a2d2d2d20384e714e424d5232524f7338345066494b364165326e383454596561437166307047374c4c5039687035590a024d5e70ce8ec0230dd3e29e40048c874686151a12d79d8454e524efb8d96dd4a3c5b56fd02d8dd54047b6c723c389bc120c1302f57e673823be4eb82f96069c4bf740fbfe2cf400a92b0b1e5bc6b718f0f7ef6b3f04d28dd5fc16a82d465c82d5808501c0abd273aa75c5025cca93f8e8f78e339632fe7184fc5844412c27b794e88022c41b5adb31e0093e6ba06b95ce97af1ab29cad61934beebd5817fc5abac4783b05ddab10652c1eede824639c4e675d86e30f52833509930b4cb103e4b0958fbba323803fbaf30fc5c627c1e2fe525d718e7d964ae034646a8766aa4c6856ee6a1f13c30db74403800509fb47d342b06d422b7f8d6a87458e35234f465a869b801739f9d978e323f99dd46b6b3224e71d6fa57c8f654a0c52bf06995ecc92e929f3153948e75ef6602954ca34b258316bb6ad8e5705a3640dd50298616cf6feacd8dc5bb610c54e216b99be713f5332d49ae440771537f0eb1db0404d2657d13fe02fe2ff1a430cfd8f6457e7c1f6a8c5a9eba0f0bfea30b4e683a438c9c4f4191945963745fcb5cbf69e3e3c3c3ce8e2b446983185f521b839ab6cb594e6ed7202d15baea1908f3d2296c87f3e9b6cdf94b6054697b25da2e29369a3b5f14d0cc1893556fce75b41d7e6860c41b61fb4bfcf4a7eb29836d19c61398dcf849393216157ad872a8ba18f55589c96df10bed0e6c813414e6e902377811da0e2186469c46db8ee73c95b9d256f4b3ae92364c08deb8f58537b729b43bad85bf53914c69a02d1fe4d0cc6fe5d322cfab4d8713b1fc70d7b64f56af8d6f211f6e9de29fd292b456bebc4a6fcc2d90bae12520f28b6b4aafeb2ff58c39dc1f30377349d1dfb47f4c75792d2912278aedcd7bede3f2e6247e7a8dcfbe629742a5dc3268b72c1ed7f9b45bb20087203fe0adc3673068b106cf1edaba1203d86dbfa07e503929c76e61acd5225930055eed22971c6300ddce2f2f53209b9d8690be8d4656c125bbc4dd414e7eb9f34b26814ed5e9e185f49df694c44422970010649b443b6df0fb40d6ec6060deed506aae1daf59a6233a4d0183eb6c88a53dc466afa43149909a32c346d34eb696249b99a48c5f3c36b46c55be1a1babf3e798e7a68cf01426866fad13d9c4e217fefb30cd39b7b4822fe76e4ab62b2a3841afe5fd156e61252d8baf203460bb2b16b7ce3ff1682614ed1b0ffcccac55d21c8246abac449f15cfd66d69bd97f74b33f6cbacffb',2110701600,'namespaces','[]',1795341600,1795341600,0,0,NULL,NULL,1,0,'[]','[]','[]',0,NULL,NULL,1795341600,600);
CREATE TABLE provider_tokens (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  provider TEXT NOT NULL CHECK (provider IN ('hetzner')),
  secret BLOB NOT NULL,
  generation INTEGER NOT NULL,
  set_at INTEGER NOT NULL,
  set_by INTEGER NOT NULL REFERENCES users(id)
) STRICT;
CREATE TABLE grants (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  level TEXT NOT NULL CHECK (level IN ('read','write')),
  granted_at INTEGER NOT NULL,
  granted_by INTEGER NOT NULL REFERENCES users(id),
  ends_at INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  removed_at INTEGER
) STRICT;
INSERT INTO grants VALUES(1,1,3,'read',1795341600,1,NULL,'',NULL);
CREATE TABLE blocks (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  by_user INTEGER NOT NULL REFERENCES users(id),
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (cluster, user)
) STRICT;
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  acting_as TEXT,
  action TEXT NOT NULL,
  phase TEXT NOT NULL,
  cluster TEXT,
  user TEXT,
  detail TEXT NOT NULL,
  request INTEGER,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL
, state TEXT, signer TEXT, signature BLOB, change TEXT) STRICT;
INSERT INTO audit VALUES(1,1795341600,'olivia',NULL,'init','done',NULL,'olivia','organization ''Acme'' with owner ''olivia''',NULL,'kubegrant audit v1','5a06068d1cc2f919d3402c433e197e7c35b081995c52a769673f6a47c49fcedd','d14f5f150b50f8da83f075dadd5c289a2bfc8870a359911ff363079e232601ff',NULL,NULL,NULL);
INSERT INTO audit VALUES(2,1795341600,'olivia',NULL,'user add','done',NULL,'alice','user ''alice'' added as developer',NULL,'5a06068d1cc2f919d3402c433e197e7c35b081995c52a769673f6a47c49fcedd','b833beec666e65da97b49c4a8c55cacef88d839d70a8917e959d87f935fcba4d','d36f04a3abbe18f19c0c621d520141a0eefea8c8f84d0e95e854236cd3b49ff8',NULL,NULL,NULL);
INSERT INTO audit VALUES(3,1795341600,'olivia',NULL,'user add','done',NULL,'bob','user ''bob'' added as developer',NULL,'b833beec666e65da97b49c4a8c55cacef88d839d70a8917e959d87f935fcba4d','a916bd078064bbd51efebaa716fbf239ad7830ad1ad884bdf61c896a7215ec44','f20d44ac70679ae87d3383b01c961836f9f577f4345c64f6374ae7bd81f57bac',NULL,NULL,NULL);
INSERT INTO audit VALUES(4,1795341600,'olivia',NULL,'cluster add','requested','prod',NULL,'register https://127.0.0.1:37455 (v1.36.0+sandbox)',NULL,'a916bd078064bbd51efebaa716fbf239ad7830ad1ad884bdf61c896a7215ec44','59d8822a5dfdaa004d80dcbc7c04e10a432175efc8cc0f5b8da6670c8f3c6495','f20d44ac70679ae87d3383b01c961836f9f577f4345c64f6374ae7bd81f57bac',NULL,NULL,NULL);
INSERT INTO audit VALUES(5,1795341600,'olivia',NULL,'cluster add','done','prod',NULL,'register https://127.0.0.1:37455 (v1.36.0+sandbox)',4,'59d8822a5dfdaa004d80dcbc7c04e10a432175efc8cc0f5b8da6670c8f3c6495','6c59923f8a2550d77667fb6025be05476d4eb0c95503c98d9945a6e4da448310','d52c7a0b9c41ac6d5eb6671828b9f1913c776b40d36028c324f686bad49cbc64',NULL,NULL,NULL);
INSERT INTO audit VALUES(6,1795341600,'olivia',NULL,'cluster add','done','prod',NULL,'older logins of the manager are gone',NULL,'6c59923f8a2550d77667fb6025be05476d4eb0c95503c98d9945a6e4da448310','613f247ad9b56bc2ffe0f84234e1e7a563c7ca97cc82dcd1f78af601b3af392f','5d54e8783a362468185999a0422179e8a7fc80f628db0aebd94756cad80ba56c',NULL,NULL,NULL);
INSERT INTO audit VALUES(7,1795341600,'olivia',NULL,'access grant','requested','prod','bob','read for ''bob''',NULL,'613f247ad9b56bc2ffe0f84234e1e7a563c7ca97cc82dcd1f78af601b3af392f','89b922cc03b2f8f0f4f36b2950e76888594e75e635e92a7fe913abc7bc17faa9','ef5390930fe51af15d71a356303d7ab3504c1fe0a71c5dff0dd56e3d89c4171c',NULL,NULL,NULL);
INSERT INTO audit VALUES(8,1795341600,'olivia',NULL,'access grant','done','prod','bob','read for ''bob''',7,'89b922cc03b2f8f0f4f36b2950e76888594e75e635e92a7fe913abc7bc17faa9','2083a1ed558e0579c4a73d48dce43867e32689601924be2167e45684e9640c2c','ef5390930fe51af15d71a356303d7ab3504c1fe0a71c5dff0dd56e3d89c4171c',NULL,NULL,NULL);
INSERT INTO audit VALUES(9,1795341600,'olivia',NULL,'project create','done',NULL,NULL,'project ''shop'' made',NULL,'2083a1ed558e0579c4a73d48dce43867e32689601924be2167e45684e9640c2c','896f986d96555e34d070edae1c202df003d98e914077834b521772643527520e','6b7a05ba2ffc83876dd153a9940ae4c122d84af4477f73df887ce93ed8d96028',NULL,NULL,NULL);
INSERT INTO audit VALUES(10,1795341600,'olivia',NULL,'project add-member','done',NULL,'bob','''bob'' is viewer of project ''shop''',NULL,'896f986d96555e34d070edae1c202df003d98e914077834b521772643527520e','3a9df92a6a649298f1ed5b275724f81994eab1b316c485d0c3f6d04ace77e101','ebc463db74ee00d10cec5b46a9df41b7b5bf8fb20adf785a74a06f563d45b60f',NULL,NULL,NULL);
INSERT INTO audit VALUES(11,1795341600,'olivia',NULL,'cluster set','requested','prod',NULL,'project: shop',NULL,'3a9df92a6a649298f1ed5b275724f81994eab1b316c485d0c3f6d04ace77e101','4a15d33ee78956f09316dbc13462b06748fe08ca15fe1cde68c9fb40d12a96ba','66d29066dcfcd4402c21b8e182f8032aeb8114f2e56446de1c04c5694409a518',NULL,NULL,NULL);
INSERT INTO audit VALUES(12,1795341600,'olivia',NULL,'cluster set','done','prod',NULL,'project: shop',11,'4a15d33ee78956f09316dbc13462b06748fe08ca15fe1cde68c9fb40d12a96ba','62d4fb6e0c7d9fdecc91be097377b22a380605dec1a80afc1c1ab375d2d6e337','66d29066dcfcd4402c21b8e182f8032aeb8114f2e56446de1c04c5694409a518',NULL,NULL,NULL);
INSERT INTO audit VALUES(13,1795341600,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','kubeconfig of ''shop/read''',NULL,'62d4fb6e0c7d9fdecc91be097377b22a380605dec1a80afc1c1ab375d2d6e337','3d8b77a092b8f1a28a71c2519755d01ef50feee070199bbe7e82a3cab7d36904','66d29066dcfcd4402c21b8e182f8032aeb8114f2e56446de1c04c5694409a518',NULL,NULL,NULL);
INSERT INTO audit VALUES(14,1795341600,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','version 1 of ''shop/read'' (read)',13,'3d8b77a092b8f1a28a71c2519755d01ef50feee070199bbe7e82a3cab7d36904','6a73b459fdccee6c3f3e0139ea02913bc23ba2f7407b4323f93fc27c8578a472','2c717dc3a31454575f0c5a0eda9454d50ca6c8f6b6868ef7527e3c057022ed5d',NULL,NULL,NULL);
INSERT INTO audit VALUES(15,1795341600,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' is on the cluster',13,'6a73b459fdccee6c3f3e0139ea02913bc23ba2f7407b4323f93fc27c8578a472','d055e1df527e22f03f0ea6fb5dfc57b394eb348adadd7c20c0bb6e443945c2f6','f5024ca20113183b55a8a0a1f9e4edc3186bd7db5854c3d8a3f913dbe67ae9ca',NULL,NULL,NULL);
INSERT INTO audit VALUES(16,1795341600,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','a token for version 1 of ''shop/read'', until 2026-12-22T10:00:00Z',13,'d055e1df527e22f03f0ea6fb5dfc57b394eb348adadd7c20c0bb6e443945c2f6','9da3626c35812147bd00e952dc6a5b824a8183e1253aa567cd862e4e41c87ff6','9bc1af2b9ac20f212d73b1051b2e701d9b5818ccc2a4dd807daa6941b27ed34a',NULL,NULL,NULL);
INSERT INTO audit VALUES(17,1795341600,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' handed over to ''bob'' (sealed file), ends 2026-12-22T10:00:00Z',13,'9da3626c35812147bd00e952dc6a5b824a8183e1253aa567cd862e4e41c87ff6','c435ada87ab907d2b4f133e12657737dfdf8e5a8715112946f41f41032a1af0b','4a2b0bfc132f2ebb259852c31ce3be61d0fd7c5113bcd80233d0be3ed9c390da',NULL,NULL,NULL);
INSERT INTO audit VALUES(18,1795341600,'olivia',NULL,'kubeconfig download','requested','prod','olivia','kubeconfig of ''olivia''',NULL,'c435ada87ab907d2b4f133e12657737dfdf8e5a8715112946f41f41032a1af0b','6db364bab6673684e9cdabfd4b58a5eca668f1a623f78fbf5c2271249ca9d057','4a2b0bfc132f2ebb259852c31ce3be61d0fd7c5113bcd80233d0be3ed9c390da',NULL,NULL,NULL);
INSERT INTO audit VALUES(19,1795341600,'olivia',NULL,'kubeconfig download','requested','prod','olivia','version 1 of ''olivia'' (full)',18,'6db364bab6673684e9cdabfd4b58a5eca668f1a623f78fbf5c2271249ca9d057','a1e08c5b2d6f4139c761fce6b5db369a6f5f7cb5cd4d05f2ac5b5ecde53ab175','a79ef6fc68eeeb4859c7027dfcf511dbbb220650fc15c45874b2f20d16ff8cfd',NULL,NULL,NULL);
INSERT INTO audit VALUES(20,1795341600,'olivia',NULL,'kubeconfig download','done','prod','olivia','version 1 of ''olivia'' is on the cluster',18,'a1e08c5b2d6f4139c761fce6b5db369a6f5f7cb5cd4d05f2ac5b5ecde53ab175','9afb80408830967c00a6243c524b86ffee5954fd06a2dc38f9a93882c6e1efde','f28a3285c28e811356bfdacc6a58fda24b2cde6c90b4d442de1a0fcb2da81cf2',NULL,NULL,NULL);
INSERT INTO audit VALUES(21,1795341600,'olivia',NULL,'kubeconfig download','requested','prod','olivia','a token for version 1 of ''olivia'', until 2026-12-22T10:00:00Z',18,'9afb80408830967c00a6243c524b86ffee5954fd06a2dc38f9a93882c6e1efde','12a89490fc178953fd61d8b810e538938559a02bf89144263dd4a620f8961f1f','43914311deccabb6d05103932c75e6d2a01c483c094e745341ffb7ced90346b8',NULL,NULL,NULL);
INSERT INTO audit VALUES(22,1795341600,'olivia',NULL,'kubeconfig download','done','prod','olivia','version 1 of ''olivia'' handed over (file), ends 2026-12-22T10:00:00Z',18,'12a89490fc178953fd61d8b810e538938559a02bf89144263dd4a620f8961f1f','620e12829cc629f8129f53646b181296f46689bdea2c5557689ad5517832f875','e7e77a82e694b2a5dd37266771f0f491dfebcc3e6d0a124c762309536ec42417',NULL,NULL,NULL);
INSERT INTO audit VALUES(23,1795341600,'olivia',NULL,'user add','done',NULL,'desk','user ''desk'' added as server',NULL,'620e12829cc629f8129f53646b181296f46689bdea2c5557689ad5517832f875','1267d2549cbce4e2c77b00482af3396ef3f0ddc1ceae1d810c5adeb78e2476c7','d482c123e9a2ddb38e58d794fb2530f86d8d72931d98d938ea2f1b25b363a325',NULL,NULL,NULL);
INSERT INTO audit VALUES(24,1795341600,'olivia',NULL,'cluster set','requested','prod',NULL,'self-service: on',NULL,'1267d2549cbce4e2c77b00482af3396ef3f0ddc1ceae1d810c5adeb78e2476c7','647d5ecc3ff4e984dd95f49816ba8449679d6814e313fc630533b74932954920','32dca1019945077a6a75cac3780f53a90e3ce511f3a431aec45aeebdcf5c63d7',NULL,NULL,NULL);
INSERT INTO audit VALUES(25,1795341600,'olivia',NULL,'cluster set','done','prod',NULL,'write reaches on the cluster what the settings say',24,'647d5ecc3ff4e984dd95f49816ba8449679d6814e313fc630533b74932954920','df21be769348d045382e27cb65dd818a8b4c44c3f07983f38feeb7c1a17ac9ab','3cedb468ba1a2d2b8847144d326dd641d0092e207ece6b0659f2cb6077c538de',NULL,NULL,NULL);
INSERT INTO audit VALUES(26,1795341600,'olivia',NULL,'cluster set','done','prod',NULL,'self-service: on',24,'df21be769348d045382e27cb65dd818a8b4c44c3f07983f38feeb7c1a17ac9ab','bfedc8d571d4d304f38542785f67ceb2a366033b9fbdc1197635e56aecb1e3f0','3cedb468ba1a2d2b8847144d326dd641d0092e207ece6b0659f2cb6077c538de',NULL,NULL,NULL);
INSERT INTO audit VALUES(27,1795341600,'desk',NULL,'serve','done',NULL,NULL,'at https://localhost:43793',NULL,'bfedc8d571d4d304f38542785f67ceb2a366033b9fbdc1197635e56aecb1e3f0','63c9df431109791966d0e382d26b9e82de77a72a76546c1f675a6a12eb280928','0f9eb0098f578970af5ee5492197fb98e1f901863a19c1d5c124a9726b678b0a',NULL,NULL,NULL);
INSERT INTO audit VALUES(28,1795341600,'desk','bob','login','done',NULL,'bob','by key from 127.0.0.1, until 2026-11-22T22:00:00Z',NULL,'63c9df431109791966d0e382d26b9e82de77a72a76546c1f675a6a12eb280928','fafa785418df46bdc358e9fca6827ffb8d325c36cf7f5475aad6135b4f57e343','0f9eb0098f578970af5ee5492197fb98e1f901863a19c1d5c124a9726b678b0a',NULL,NULL,NULL);
INSERT INTO audit VALUES(29,1795341600,'olivia',NULL,'share create','done','prod','bob','direct link fb444be2942f01ab4078f41649a4aad3 for ''bob'', until 2026-11-23T10:00:00Z',NULL,'fafa785418df46bdc358e9fca6827ffb8d325c36cf7f5475aad6135b4f57e343','f26d6c825a8b70ba4863575dedb950c0d1b708c9456fa0fa79e976f368cdc9b4','f6237d1e6842d34689434e667ed2cf93c370ce03bd5064bd2e7a3441dd717169',NULL,NULL,NULL);
INSERT INTO audit VALUES(30,1796083965,'kubegrant',NULL,'upgrade','done',NULL,NULL,'schema 12; the records are as they were left; what is guarded from now on was taken as it stood',NULL,'f26d6c825a8b70ba4863575dedb950c0d1b708c9456fa0fa79e976f368cdc9b4','ecc8ef23e4f87f878f26c02181fea7e4a6027813df1f1826e407f3a72d451f10','e56614e56af83e2b6a3465ed84a864f735439c283210824502f4aaa6d297750a',NULL,NULL,NULL);
INSERT INTO audit VALUES(31,1796083972,'olivia',NULL,'organization set-oidc','done',NULL,NULL,'people log in at https://id.example as kubegrant',NULL,'ecc8ef23e4f87f878f26c02181fea7e4a6027813df1f1826e407f3a72d451f10','dccef92afbabe487de77b3cc5342a428d32635bd0914aa31326a2620edc6e3d1','23d0ada9bd708fec00aa6e0a80da25df2cdce6f562b40b30534da3e56c3c9579',NULL,NULL,NULL);
INSERT INTO audit VALUES(32,1796083972,'olivia',NULL,'user set-oidc','done',NULL,'alice','''alice'' logs in by tokens with sub=u-123 at https://id.example',NULL,'dccef92afbabe487de77b3cc5342a428d32635bd0914aa31326a2620edc6e3d1','a377fa48f6c6001696e7596f6ba35a18cad3892d3def73d8e792939f32a37792','5350021bc261f19ee4c766dba10ff35043452321be3a8e205a9888c09045f85f',NULL,NULL,NULL);
INSERT INTO audit VALUES(33,1795428000,'kubegrant',NULL,'upgrade','done',NULL,NULL,'schema 13; the records are as they were left; what is guarded from now on was taken as it stood',NULL,'a377fa48f6c6001696e7596f6ba35a18cad3892d3def73d8e792939f32a37792','58147b39a337ef2ed882813d17831b434e53a3a9cd04e9461301e506f0594a51','c1573b69d3fa44487819c8208232d965b6381083d766fd0a174b2649ea2ba92e',NULL,NULL,'{"base":{"of":1,"part":1},"set":{"clusters":[{"accounts_rotated_at":0,"ca_pem":"-----BEGIN CERTIFICATE-----\nMIIBbjCCARSgAwIBAgIUfIB4gpuQZsE/m+p+m+fRPd8/IYowCgYIKoZIzj0EAwIw\nFTETMBEGA1UEAwwKc2FuZGJveC1jYTAeFw0yNjExMjkwMDAwMDBaFw0zNjExMjcw\nMDAwMDBaMBUxEzARBgNVBAMMCnNhbmRib3gtY2EwWTATBgcqhkjOPQIBBggqhkjO\nPQMBBwNCAARJ2/VBIeuvZ53rF++WErRrbVaRFDF4mRNIF0tGzJ55pVHEexxZg6F6\nE2InH0YjuNj05EpoT5zjlZ1pSQiPy3eho0IwQDAOBgNVHQ8BAf8EBAMCAoQwHQYD\nVR0OBBYEFKH5kEoGXZOGUAfBe2gfGLWp5y7JMA8GA1UdEwEB/wQFMAMBAf8wCgYI\nKoZIzj0EAwIDSAAwRQIhAOErs+0e3thFcH1QmplcUeHNHA5om4KI5dAayui4Q7Gw\nAiAjjzknuRWfHN+PVsCIkSrmkT6E782AbzM7ogZvepJRPQ==\n-----END CERTIFICATE-----\n","created_at":1795341600,"deleting_at":null,"description":"","former_managers":"[]","held_back":"[]","id":1,"included":"[]","kube_system_uid":"426824e4-eb45-480b-9057-7a232b742e39","labels":"{}","manager":"kubegrant-manager","manager_expires_at":2110701600,"manager_generation":1,"manager_kind":"token","name":"prod","older_logins":0,"orphans_owed":0,"owner":null,"project":1,"protected":0,"proxy_url":null,"public_server":null,"public_tls_server_name":null,"reach_owed":0,"removed_at":null,"scan_every":600,"server":"https://127.0.0.1:37455","state":"active","tls_server_name":null,"write_allow":"[]","write_scope":"namespaces"}],"credentials":[{"account":"kubegrant-users/shop-read-4258d21f-v1","cluster":1,"created_at":1795341600,"ended_at":null,"ended_because":null,"id":1,"issued_at":1795341600,"kind":"shared","level":"read","power":"read","project":1,"renews":null,"revoked_at":null,"shard":1,"state":"active","token_expires_at":1797933600,"until":null,"user":null,"version":1},{"account":"olivia-ce456162-v1","cluster":1,"created_at":1795341600,"ended_at":null,"ended_because":null,"id":2,"issued_at":1795341600,"kind":"personal","level":null,"power":"full","project":null,"renews":null,"revoked_at":null,"shard":1,"state":"active","token_expires_at":1797933600,"until":null,"user":1,"version":1}],"deliveries":[{"at":1795341600,"by_user":1,"credential":1,"expires_at":1797933600,"form":"sealed file","id":1,"jti":"5274c874-ddde-4733-9f4f-18a8ae7bb08f","to_user":3},{"at":1795341600,"by_user":1,"credential":2,"expires_at":1797933600,"form":"file","id":2,"jti":"05e212bf-afb2-4e71-a7e0-b38cad374a7d","to_user":1}],"grants":[{"cluster":1,"ends_at":null,"granted_at":1795341600,"granted_by":1,"id":1,"level":"read","reason":"","removed_at":null,"user":3}],"holders":[{"at":1795341600,"credential":1,"kept":0,"user":3}],"issuers":[{"account":"kubegrant-issuer-8d91efc5","cluster":1,"expires_at":2110701600,"generation":1,"kind":"token"}],"meta":[{"key":"installation","value":"e8dd943d"},{"key":"oidc_client","value":"kubegrant"},{"key":"oidc_issuer","value":"https://id.example"},{"key":"organization","value":"Acme"},{"key":"public_url","value":"https://localhost:43793"}],"oidc_links":[{"claims":"{\"sub\":\"u-123\"}","issuer":"https://id.example","kind":"person","user":2}],"project_members":[{"added_at":1795341600,"added_by":1,"project":1,"role":"viewer","user":3}],"projects":[{"created_at":1795341600,"created_by":1,"description":"","id":1,"name":"shop","removed_at":null}],"self_service":[{"cluster":1,"how":"on"}],"servers":[{"user":4}],"shares":[{"claimed_at":null,"cluster":1,"created_at":1795341600,"created_by":1,"expires_at":1795428000,"id":"fb444be2942f01ab4078f41649a4aad3","revoked_at":null,"sealed":0,"user":3}],"users":[{"active":1,"created_at":1795341600,"email":null,"id":1,"key":"age1hvf36utpwymhp7qdkdtwhcz3cy3sg9546qrjkg9gnq6m8elmrfdqw2p2m9","key_set_at":null,"key_set_by":null,"name":"olivia","role":"owner"},{"active":1,"created_at":1795341600,"email":null,"id":2,"key":"age1p6uy93et2cxuhefxrhjffg26qyydxl6gpg35paxw7ccl39q6yg7sdykutl","key_set_at":null,"key_set_by":null,"name":"alice","role":"developer"},{"active":1,"created_at":1795341600,"email":null,"id":3,"key":"age1tt7lqufwr34uwcqmenf8eph6ejg84j6ksh2cy5fysq9eek5kzvxq4fsgfg","key_set_at":null,"key_set_by":null,"name":"bob","role":"developer"},{"active":1,"created_at":1795341600,"email":null,"id":4,"key":"age1xkh4g4f2kh8gz9usmwsg5gsmkcuqzytc9ffkt6qwmraemzer8gwsj47z05","key_set_at":null,"key_set_by":null,"name":"desk","role":"developer"}]}}');
INSERT INTO audit VALUES(34,1795428002,'olivia',NULL,'cluster set','done','prod',NULL,'description: seen by schema 13',NULL,'58147b39a337ef2ed882813d17831b434e53a3a9cd04e9461301e506f0594a51','f2a2504e320ded5a8fa0def2b75350c5e9ccf3198db113a6cb5235a484f8460f','c1573b69d3fa44487819c8208232d965b6381083d766fd0a174b2649ea2ba92e','age1hvf36utpwymhp7qdkdtwhcz3cy3sg9546qrjkg9gnq6m8elmrfdqw2p2m9',X'23d842c2c684cd7dc504cee682f138f7afc3363349cb918df2757d0e1e03a252da9ea7931b5d225b15e0d81523ec46874ad2ae7fe43c52c332285ea0a9ea7503','{"set":{"clusters":[{"description":"seen by schema 13","id":1}]}}');
CREATE TABLE ssh_keys (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  generation INTEGER NOT NULL CHECK (generation > 0),
  place TEXT NOT NULL CHECK (place IN ('next','current','old','gone')),
  custody TEXT NOT NULL CHECK (custody IN ('available','claimed','downloaded','destroyed')),
  kind TEXT NOT NULL,
  public TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('generated','imported')),
  made_at INTEGER NOT NULL,
  made_by INTEGER NOT NULL REFERENCES users(id),
  secret BLOB,
  claimed_at INTEGER,
  claimed_by INTEGER REFERENCES users(id),
  claimed_to INTEGER REFERENCES users(id),
  claimed_path BLOB,
  claimed_digest TEXT, doubted_at INTEGER,
  UNIQUE (cluster, generation),
  UNIQUE (cluster, fingerprint),
  CHECK ((custody IN ('available','claimed')) = (secret IS NOT NULL)),
  CHECK ((custody IN ('claimed','downloaded')) <= (claimed_at IS NOT NULL))
) STRICT;
CREATE TABLE ssh_key_nodes (
  key INTEGER NOT NULL REFERENCES ssh_keys(id),
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  login TEXT NOT NULL,
  wanted_at INTEGER NOT NULL,
  installed_at INTEGER,
  proven_at INTEGER,
  removed_at INTEGER,
  PRIMARY KEY (key, address, port, login)
) STRICT, WITHOUT ROWID;
CREATE TABLE projects (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  description TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  created_by INTEGER NOT NULL REFERENCES users(id),
  removed_at INTEGER
) STRICT;
INSERT INTO projects VALUES(1,'shop','',1795341600,1,NULL);
CREATE TABLE project_members (
  project INTEGER NOT NULL REFERENCES projects(id),
  user INTEGER NOT NULL REFERENCES users(id),
  role TEXT NOT NULL CHECK (role IN ('viewer','editor','owner')),
  added_at INTEGER NOT NULL,
  added_by INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (project, user)
) STRICT, WITHOUT ROWID;
INSERT INTO project_members VALUES(1,3,'viewer',1795341600,1);
CREATE TABLE IF NOT EXISTS "credentials" (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  kind TEXT NOT NULL DEFAULT 'personal' CHECK (kind IN ('personal','shared','shell')),
  user INTEGER REFERENCES users(id),
  project INTEGER REFERENCES projects(id),
  level TEXT CHECK (level IN ('read','admin')),
  version INTEGER NOT NULL CHECK (version > 0),
  account TEXT NOT NULL,
  power TEXT NOT NULL CHECK (power IN ('bound','read','write','full')),
  state TEXT NOT NULL CHECK (state IN ('pending','active','revoking','revoked')),
  ended_because TEXT,
  created_at INTEGER NOT NULL,
  issued_at INTEGER, ended_at INTEGER, revoked_at INTEGER,
  token_expires_at INTEGER,
  until INTEGER, shard INTEGER NOT NULL DEFAULT 1 CHECK (shard > 0), renews TEXT CHECK (renews IN ('fixed','rolling')),
  UNIQUE (cluster, account),
  CHECK ((kind = 'shared') = (user IS NULL)),
  CHECK ((kind = 'shared') = (project IS NOT NULL)),
  CHECK ((kind = 'shared') = (level IS NOT NULL)),
  CHECK ((kind = 'shell') = (until IS NOT NULL))
) STRICT;
INSERT INTO credentials VALUES(1,1,'shared',NULL,1,'read',1,'kubegrant-users/shop-read-4258d21f-v1','read','active',NULL,1795341600,1795341600,NULL,NULL,1797933600,NULL,1,NULL);
INSERT INTO credentials VALUES(2,1,'personal',1,NULL,NULL,1,'olivia-ce456162-v1','full','active',NULL,1795341600,1795341600,NULL,NULL,1797933600,NULL,1,NULL);
CREATE TABLE IF NOT EXISTS "deliveries" (
  id INTEGER PRIMARY KEY,
  credential INTEGER NOT NULL REFERENCES "credentials"(id),
  to_user INTEGER NOT NULL REFERENCES users(id),
  by_user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  jti TEXT,
  form TEXT NOT NULL
) STRICT;
INSERT INTO deliveries VALUES(1,1,3,1,1795341600,1797933600,'5274c874-ddde-4733-9f4f-18a8ae7bb08f','sealed file');
INSERT INTO deliveries VALUES(2,2,1,1,1795341600,1797933600,'05e212bf-afb2-4e71-a7e0-b38cad374a7d','file');
CREATE TABLE holders (
  credential INTEGER NOT NULL REFERENCES credentials(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  -- The version lives on though this holder lost the level: somebody decided so.
  kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0,1)),
  PRIMARY KEY (credential, user)
) STRICT, WITHOUT ROWID;
INSERT INTO holders VALUES(1,3,1795341600,0);
CREATE TABLE bindings (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  kind TEXT NOT NULL CHECK (kind IN ('ClusterRole','Role')),
  role TEXT NOT NULL,
  namespace TEXT,
  bound_at INTEGER NOT NULL,
  bound_by INTEGER NOT NULL REFERENCES users(id),
  reason TEXT NOT NULL DEFAULT '',
  removed_at INTEGER,
  -- Whether its coming, or its going, was not yet seen on the cluster.
  owed INTEGER NOT NULL DEFAULT 0 CHECK (owed IN (0,1)),
  CHECK (kind = 'ClusterRole' OR namespace IS NOT NULL)
) STRICT;
CREATE TABLE version_floors (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  owner TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (cluster, owner)
) STRICT, WITHOUT ROWID;
CREATE TABLE ssh_key_recipients (
  key INTEGER NOT NULL REFERENCES ssh_keys(id),
  user INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (key, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE ssh_nodes_left_out (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  node TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (cluster, node)
) STRICT, WITHOUT ROWID;
CREATE TABLE row_digests (
  gathered TEXT NOT NULL,
  name TEXT NOT NULL,
  part TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (gathered, name, part)
) STRICT, WITHOUT ROWID;
INSERT INTO row_digests VALUES('clusters 0','clusters','1','cea32c2c08644442f26cc33a5f9056639743becea29ff6a13942aec9b6d1d563');
INSERT INTO row_digests VALUES('clusters 0','credentials','1','0c1b12d2fff32eb6bfa94e7336b315bb6922c7a81e93b08caa60e06f9368ece0');
INSERT INTO row_digests VALUES('clusters 0','deliveries','1','08324840284b785a215acd93ba6db4c1cda24e1fae664da40217229440fc3219');
INSERT INTO row_digests VALUES('clusters 0','grants','1','649f4c74415d2c791c9d070cb020469b8311ac78f686682f1e391f43f695ea45');
INSERT INTO row_digests VALUES('clusters 0','holders','1','7ff5bc3dc98943e44760d3349a1cda45945429f6dca1af46b1c902a805e88ab4');
INSERT INTO row_digests VALUES('clusters 0','issuers','1','e196454ebe7ce9a4a6c468b2e39483c7ce62b4f5ed9b51f40ab20a17501af4e6');
INSERT INTO row_digests VALUES('clusters 0','self_service','1','c92aca52d96c9f1f81d9f69f7ba23af91d309e83a860c51e1c43806e788f1641');
INSERT INTO row_digests VALUES('clusters 0','shares','1','b233de4a0f0292fd09437e8a1616053a794d5ff497046fe3da26e70ec3ed1e38');
INSERT INTO row_digests VALUES('organization','admins','','c1275dc9b9842b118490ba6a66c1658a746995f41ee633522da37b607a63c5c9');
INSERT INTO row_digests VALUES('organization','all clusters','','95a18de6ea0d2d7eb14ca2d7d66690be41c881cbce9bd6045ca2d154f0f31311');
INSERT INTO row_digests VALUES('organization','meta','','da4ab6c97f82d919a54a556d08a134ce6da5c91947df125d7c8b5c4ad58d3174');
INSERT INTO row_digests VALUES('organization','projects','','ec6a09165fd3a65030ee953fde9525be1e6eea2eec1b3c237571f38553cfe97d');
INSERT INTO row_digests VALUES('organization','schema','','7d6b820c4d996fc4e6b968b35ad8459e6a0bb9a402bf80f031e39def9efb76ab');
INSERT INTO row_digests VALUES('projects 0','project_members','1','ffbba52a991ad68d01e6b4192efd0e152d01fa462e10093dfd7fe9df148197a1');
INSERT INTO row_digests VALUES('users 0','credentials of user','1','48cd727d561f55980d6084ce771e1776edd47d3508f74f0c0f3f23e9f744fc5c');
INSERT INTO row_digests VALUES('users 0','deliveries of user','1','917d8995b76575f3afef7ca00a3335a12d88fbedf15729288bb60cbec7c9a5b0');
INSERT INTO row_digests VALUES('users 0','deliveries of user','3','9f7b9815e910127f8f5f089bbc68942cfcb7d242c25c1400e7843c77acf2689c');
INSERT INTO row_digests VALUES('users 0','grants of user','3','590d8b273e1c1bb995296eb513ed6a671b7ef801a517c209835e53236c264e1a');
INSERT INTO row_digests VALUES('users 0','holders of user','3','19105137ee767dc54cee4e1e4ba74130c22854edcc990009e3fe7b8eabe1fe81');
INSERT INTO row_digests VALUES('users 0','oidc_links','2','dbf889d53a229a2af2452fc4992a6ffdad51ad0c2461e4ff1306795cc43abb04');
INSERT INTO row_digests VALUES('users 0','projects of user','3','6f2011cb302d5b3c51b548f5679eb5614cdf9f87f888e88c78fade68e549f2db');
INSERT INTO row_digests VALUES('users 0','servers','4','05ec4abb23cf1c4dd0ee93a5ab98a157b1a8e0fe93e6f6f31a1af5ca9ebc7cc5');
INSERT INTO row_digests VALUES('users 0','users','1','b69b7a73007d1a7f5c245655223f9400a92432b4597418a5f09142ce8c0d05d5');
INSERT INTO row_digests VALUES('users 0','users','2','1b2d86b963c731e224d57ce9dba865fcc292af0a9d72d51e8b662f9f5d239811');
INSERT INTO row_digests VALUES('users 0','users','3','c1fe46c01d12458e2c5444886760e69344c6a9974b574cbefffda7c67128a6b0');
INSERT INTO row_digests VALUES('users 0','users','4','26f10727ae963e374c3e88a8eb69dfe2e4d1b102b33f4f507b929f1cd0628586');
CREATE TABLE group_digests (
  name TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO group_digests VALUES('clusters 0','f3ab0cd016c5fe1dab20d08ed9d7fabc7228a553fd943d09102a5a8f04ffd271');
INSERT INTO group_digests VALUES('organization','7f11082755606f608c3d3d7c26b2c837bef385d723229ee0d31c05c42a276735');
INSERT INTO group_digests VALUES('projects 0','95448441304834636a9ede2e7ff136e50df6a3d2d257186722b34ed52bc7eeaf');
INSERT INTO group_digests VALUES('users 0','2d6e9352234d34af0f0e92f50e7e81fc5afd91794030167712061a2c7a8a9a2a');
CREATE TABLE issuers (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  account TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('token','secret')),
  generation INTEGER NOT NULL,
  secret BLOB NOT NULL,
  expires_at INTEGER
) STRICT;
INSERT INTO issuers VALUES(1,'kubegrant-issuer-8d91efc5','token',1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e2058323535313920526f6455464a574d472b416830634f37352b44776251676678656166585958755a426f706353536b4f54410a55475235496447526d6432664c642f30746c703858654b525669704b586a64336e7658376165516b746a590a2d3e2058323535313920614653613846333559384454474e394e3371726d6c37774f75303632484b685a726651644a597a50387a300a6a706539556e69316e4a4b43774c44785a54555a6341562b3447336d7067753047306945657a2f664747590a2d3e20423c5722344c762d67726561736520656a752057205f0a774f6f4e595731686b4d47317a50772b2f552b47796b43496e6745344b49384c364f756c543437516b4e4359463570616836324f4c496c7a6c703745342b686c0a647854534e3950356b724e45333155534644354d704778494e305135736332704e697a585742696c336e553943463471574c6d7154556252652b424a48444b360a75410a2d2d2d20396561656636463149386e544d2b68757a38413554556d742b68502f3058737a6544684a6943466a3551730a1c8e1058905687d8d749648d6c54015751e23c7a9c1371a32d965ec472a4e07454ab28738111fe2c29d4019065fdb5ac9c467b7fc3f1d9dfdb0b962dff670d369d1daa3a283aad2e9fae0163b44edb1ecc3caa5ac60331557edb6905b6eab038f3c41243e17ca397bb380b3b2102690ae03c43916e8fab8b465dc26ad9ca1c8882d2c86ed40848a1c8520913eb8bd13e4529c95cfc151343aa94ef90cc57221769440edec58d1fcd46fc455d332bb4fa4a684f25e906ac5e9dc3d92c1004981b836e3aaf33edfb300c4d5428ebd9d0117855b1e0d6c75123e6c6cd4e6cd0fb0faaa7c518a42a1218adebe69e16319ff81d56324b4b51a4ccc369ebd78ce9385a621cc9b7b9c634ac941c263e77b912b0b5d017f70920351b6d8291cd1b5c42d35f0f7228a22023115c327a2b3a769831703c1d24b74616a7d9b9bed8eac11211110dd04b721a2ea8a49e6a55fc31a855b770c944bb0f152eeff25f2749b7b107a38f0bfad3e6631e7900418c8352ddf09b1fd01e738f8d02fb2d69f013b748b801142dd24d311e49bf01f96ca37ce1819cb206c9c633e640366e1c77dfc79e08a001690809eb77720186fdbee1c8910362442e981ff3e490ed70dedcaab47c9b20f9b61a7160def69bf6652904510eaafdabbc685349cb2a190e4e6d24a4f9c4ae2cacbb9b51e41fb3a526ca53321ff405fc0ee15f8b6723f201047f11ccf8d6d3f0c617f13812d6add3658a4ad8d412f3e0077543f31db4f2b6b21ac66d617a4dd08dc0d3a83436294e5dbd19f775e3264d1f151454c4478de55f2eff44707743f0e3154d01a08554c02cae2cc5f2b185dfe71ec40895b81c184f5d1c1c8083d3bc6f6acd061546793d9829873cbe99cd0243c01cdd59821de95386c471db8bbbe5dcd07abfa59cf14efd9c2f3f82bc7dd0dbf4a713356afd50ae6770af5e992577587cf2240eb3b4560d1dcffd82b379ca98189cd9ccc18ee16071e84b381c3b509ad2a9e285070d414022861e1eb6e7681aae8fa76f1dc80eebc5cceaeb1e87e1676863f003ba6e2ecc2dcddabe5dba7115f8529da4620fcc1af3ef12c96dfd639d2d00581ade9d7ba2789d6ec39983c160d810e5dd950c9b81c01be390e3d404cd46a220c12f6bbd8e4c96f1bd9d1508e5e305be491923e23c43c9d6c947c5ed39492c18c6021c1fa9a9c8d77b05acd96a047103fbd9ec86de4b0a84ea0dda910e149d6bb4ce41b3dd8bc4b935c2bd88360ca4337c81a73541b5977bd7d4e478821d4982bc4b0582',2110701600);
CREATE TABLE servers (
  user INTEGER PRIMARY KEY REFERENCES users(id)
) STRICT;
INSERT INTO servers VALUES(4);
CREATE TABLE self_service (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  how TEXT NOT NULL CHECK (how IN ('on','on,ssh-key'))
) STRICT;
INSERT INTO self_service VALUES(1,'on');
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  code TEXT NOT NULL UNIQUE,
  user INTEGER NOT NULL REFERENCES users(id),
  user_key TEXT,
  way TEXT NOT NULL,
  origin TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  parent INTEGER,
  tag TEXT NOT NULL
) STRICT;
INSERT INTO sessions VALUES(1,'5c1f4995b099d90c7166c3d227a54c592eec15c52acec210c81cd441f80c81ef',3,'age1tt7lqufwr34uwcqmenf8eph6ejg84j6ksh2cy5fysq9eek5kzvxq4fsgfg','key','127.0.0.1',1795341600,1795341600,1795384800,NULL,'395cfa7bc29038a393484626f05432c47914a7406a3547a4c9add38cea789806');
CREATE TABLE shares (
  id TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  sealed INTEGER NOT NULL CHECK (sealed IN (0,1)),
  created_by INTEGER NOT NULL REFERENCES users(id),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  wrong INTEGER NOT NULL DEFAULT 0,
  claimed_at INTEGER,
  revoked_at INTEGER
) STRICT;
INSERT INTO shares VALUES('fb444be2942f01ab4078f41649a4aad3','251da76918e1430657cfc356bfb51da0fee98475bfab50b56e3993626fd2fded',1,3,0,1,1795341600,1795428000,0,NULL,NULL);
CREATE TABLE oidc_links (
  user INTEGER PRIMARY KEY REFERENCES users(id),
  kind TEXT NOT NULL CHECK (kind IN ('person','job')),
  issuer TEXT NOT NULL,
  claims TEXT NOT NULL
) STRICT;
INSERT INTO oidc_links VALUES(2,'person','https://id.example','{"sub":"u-123"}');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('sessions',1);
CREATE UNIQUE INDEX clusters_one_name ON clusters (name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX grants_one ON grants (cluster, user) WHERE removed_at IS NULL;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE UNIQUE INDEX ssh_keys_one_current ON ssh_keys (cluster) WHERE place = 'current';
CREATE UNIQUE INDEX ssh_keys_one_next ON ssh_keys (cluster) WHERE place = 'next';
CREATE TRIGGER ssh_keys_once BEFORE UPDATE OF custody ON ssh_keys
  WHEN NOT (OLD.custody = NEW.custody
    OR (OLD.custody = 'available' AND NEW.custody IN ('claimed','downloaded','destroyed'))
    OR (OLD.custody = 'claimed' AND NEW.custody IN ('available','downloaded','destroyed')))
  BEGIN SELECT RAISE(ABORT, 'a private key is handed out once'); END;
CREATE TRIGGER ssh_keys_stay BEFORE DELETE ON ssh_keys
  BEGIN SELECT RAISE(ABORT, 'keys are history'); END;
CREATE UNIQUE INDEX projects_one_name ON projects (name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX credentials_one_live ON credentials (cluster, user)
  WHERE kind = 'personal' AND state IN ('pending','active');
CREATE UNIQUE INDEX credentials_one_live_shared ON credentials (cluster, project, level)
  WHERE kind = 'shared' AND state IN ('pending','active');
CREATE UNIQUE INDEX credentials_versions ON credentials (cluster, user, kind, version)
  WHERE kind <> 'shared';
CREATE UNIQUE INDEX credentials_versions_shared ON credentials (cluster, project, level, version)
  WHERE kind = 'shared';
CREATE INDEX credentials_by_state ON credentials (state);
CREATE TRIGGER credentials_forward BEFORE UPDATE OF state ON credentials
  WHEN NOT (OLD.state = NEW.state
    OR (OLD.state = 'pending' AND NEW.state IN ('active','revoking'))
    OR (OLD.state = 'active' AND NEW.state = 'revoking')
    OR (OLD.state = 'revoking' AND NEW.state = 'revoked'))
  BEGIN SELECT RAISE(ABORT, 'a credential never goes backwards'); END;
CREATE TRIGGER credentials_stay BEFORE DELETE ON credentials
  BEGIN SELECT RAISE(ABORT, 'credentials are history'); END;
CREATE INDEX deliveries_by_credential ON deliveries (credential);
CREATE INDEX holders_by_user ON holders (user);
CREATE INDEX deliveries_by_jti ON deliveries (jti);
CREATE UNIQUE INDEX bindings_one ON bindings (cluster, user, kind, role, coalesce(namespace, ''))
  WHERE removed_at IS NULL;
CREATE INDEX bindings_by_user ON bindings (user);
CREATE INDEX credentials_unfinished ON credentials (cluster) WHERE state <> 'revoked';
CREATE INDEX deliveries_by_recipient ON deliveries (to_user);
CREATE INDEX grants_by_user ON grants (user) WHERE removed_at IS NULL;
CREATE INDEX blocks_by_user ON blocks (user);
CREATE INDEX credentials_of_user ON credentials (user) WHERE state <> 'revoked';
CREATE INDEX project_members_by_user ON project_members (user);
CREATE INDEX users_who_manage ON users (id) WHERE role <> 'developer';
CREATE INDEX credentials_by_shard ON credentials (cluster, shard, power)
  WHERE state IN ('pending','active');
CREATE INDEX sessions_by_user ON sessions (user);
CREATE UNIQUE INDEX oidc_links_one ON oidc_links (issuer, kind, claims);
PRAGMA application_id=1801940596;
PRAGMA user_version=13;
COMMIT;
