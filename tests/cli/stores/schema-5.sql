PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (
  key TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES('organization','Acme');
INSERT INTO meta VALUES('installation','144d2fdb');
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  email TEXT UNIQUE COLLATE NOCASE,
  role TEXT NOT NULL CHECK (role IN ('developer','admin','owner')),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0,1)),
  key TEXT UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;
INSERT INTO users VALUES(1,'olivia',NULL,'owner',1,'age180cfnac02lpw5g6gmxy2rcj2249q0t8egx6rdwacz0f5ugk57gjs6pw6uq',1795898486);
INSERT INTO users VALUES(2,'alice',NULL,'developer',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDgPpBYyNjWP/qAuh9cNMxBsG+GCwOGuAnc6tvXbFSMq',1795898486);
INSERT INTO users VALUES(3,'bob',NULL,'developer',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBujQu2eG5AArZ99LAE3bNuAOO9yT82ICRYShGImHnf6',1795898486);
INSERT INTO users VALUES(4,'carol',NULL,'developer',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFG4uW+ucVCpoIl/H5llbriS153XSEj+p/uVZAhQNtMM',1795898486);
INSERT INTO users VALUES(5,'adam',NULL,'admin',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKsdD/w30/KgaYVOFluOGmBGC5YxAFtGOxZ580W91jf/',1795898486);
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
, project INTEGER REFERENCES projects(id), orphans_owed INTEGER NOT NULL DEFAULT 0 CHECK (orphans_owed IN (0,1))) STRICT;
INSERT INTO clusters VALUES(1,'prod','active',0,NULL,'','{}','https://127.0.0.1:41701',replace('-----BEGIN CERTIFICATE-----\nMIIBbjCCARSgAwIBAgIUOaF25+DYxdVxDlOPVSvw56UKpecwCgYIKoZIzj0EAwIw\nFTETMBEGA1UEAwwKc2FuZGJveC1jYTAeFw0yNjExMjcwMDAwMDBaFw0zNjExMjUw\nMDAwMDBaMBUxEzARBgNVBAMMCnNhbmRib3gtY2EwWTATBgcqhkjOPQIBBggqhkjO\nPQMBBwNCAATq3OQNPq4GsUnq8fMDrWwf+u6ck75NvjI0m6EpQ68UTMsJ5vNIuT5A\nEh0y2W0labM2jPN0rCjD5RLfMO9lsRQ8o0IwQDAOBgNVHQ8BAf8EBAMCAoQwHQYD\nVR0OBBYEFL68DCKSUIBHGIVCN0X0+BnHIqL1MA8GA1UdEwEB/wQFMAMBAf8wCgYI\nKoZIzj0EAwIDSAAwRQIgfUGkymHQeN5WPZCmRF4jP/begTUzkZeUu53czd/loKgC\nIQDB6fBC9ga4ajWPk/YChJE/HORKThi1sqw5RKpM9ezdDw==\n-----END CERTIFICATE-----\n','\n',char(10)),NULL,NULL,'8fd6713a-df5e-4885-a0ff-5d47551867e8','v1.36.0+sandbox','kubegrant-manager','token',1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e205832353531392076636f7a5551304a787246525470616b72682b39454275302b615078494c727841424b7468746f61336d340a454e44524c62526b614831362b56617869674d7645375469365270774776594545523636643956696574670a2d3e207373682d6564323535313920516e56446a772030467046442f4d422b39736d74532f64366a69787a7146486a6d7866733159646532626f705141564a52510a61697948375430544f7162315a597a57587933585367794a362b53447574507838784a50465365526455670a2d3e20642d6772656173650a6a36422f6e6236444d56617451674a714d394461784277676e6b43706d6755386b334e4e4d456d70363136306b35386d734b33315766354a4379327a3530516f0a6b2f6375632f6b6e2b6749624c4d47656e6c72316d53456c0a2d2d2d2054495a6276576d6e6d674c334f4349756e6b72384872764674314a51693361436246357848656c535130300acbeea0b0c02251170c48e5bfd2d02c6b454a40a29e4d591d87e3dae0a26da9c212d27d086deca7939fc75c61bf46d520293c1ea6723278c38f5a6bee8aa9570e00099db6240778ceb921a9a8f8307577115d1a9ce407498be4d9b5b5272ea5c5ebc0e91cb5c7e7c3a61236b704d96235370788a48d2d49b232599c62cacab11867fb411db61e9758bfc81026e9db9a2696ceb760ed81919fa541da535aaeba650513933109b1ffadd0485e0476fd58e6c7a977154ed4415337b5b6fc09942d747d88adb971169546cdf7c1bdbf58fd9e863910076e62069f0d8a56c1eac61a56f45232dc3f669c839a97a7116a935f725e39f8901e44be057e2be21d0d66fae8367a02689baf961a818defb7314fa6222cdb15f99f8d05a846f20434e57aa725ed2c3fd7c29ae1eeef71816e86be5c8f0d439e8c3b44663cb3fca3cda198499dfea9438a502c31774ec54c349418b1697a7360ce64c646f9f5d78b04994531920ee9128bcddbc3ef47c249ee9133759d1d0af5d91fdf338416228fd6aa76eb3fb2b36d8db8e187749bae3a6959150ad019652bd454165525b0b176df661800cf4fc7eada64036c5e8554d57481018779be3e56bbd2751570124d0228b1bf6ce7a51dc83bc9e661d35afe2c6a96d5bf4144bccf84c0730e6a5c99b7819a7e386d3ab29e24d72d3d3d87db8762d9a35f6893299bb115e0ce07255d168a9b2657b43afab0cc25309b3da60330bf9b65f9bdb3712b7fb3bdd748a92f3eb9f14b77efeaa39784bcdf3126596d28f0a5c8a8366b0202e165f737d5cb8fe768aaf479080b9921f357557a9e352dad0dbebd21253e4aee48416d0ea496be56efc7ed6d63ac6d50fd63bbdc3911b99fc4025cb071d75723f3ddf132bfb116a98888601f274e3664a4556568dc98077c5152207555c3690dfe5bc1ffbf625de8084c3ccab4343f4aa3bcbc10947a5d743680a6747a7ca0f06c9c07e4c0d06d03ce7845a07948b32886ae3803e07634616597a827d85e5a0c493a56b8f680665fea28abeb31fb2b9f7b471f095c49bb22fa8e8d21451e5a8613f94b476f38fae5ce74cc3a2fa2ec4991e7180e6df20400ac40096165b720a38e05d1d4205a9e3819bea851f0dc5e7a7c7a42431f59f492ee54365004b154ae9ffca29b2adfcfd6819e8ce6d0c3e205f797317a2fd87fe437a7256488ffa36b9ea6d1dbf7f0baa013d4c0ae2fa5a376c6c6d3bac32e727e973bfe0542099bf0',2111258487,'namespaces','[]',1795898487,1795898488,0,0,NULL,NULL,1,0);
INSERT INTO clusters VALUES(2,'stage','active',0,NULL,'the second','{}','https://127.0.0.1:41702',replace('-----BEGIN CERTIFICATE-----\nMIIBbjCCARSgAwIBAgIUG4BZJut9j+UNHndDXC9Ux7E/RdswCgYIKoZIzj0EAwIw\nFTETMBEGA1UEAwwKc2FuZGJveC1jYTAeFw0yNjExMjcwMDAwMDBaFw0zNjExMjUw\nMDAwMDBaMBUxEzARBgNVBAMMCnNhbmRib3gtY2EwWTATBgcqhkjOPQIBBggqhkjO\nPQMBBwNCAATww9w6VicTypkADWzquOi/Ng7O8RojgLRPIeujxp936jdLgR8Nsl83\ndJ8k7m35vMpA60wxvs/DuOGjGIHjceqYo0IwQDAOBgNVHQ8BAf8EBAMCAoQwHQYD\nVR0OBBYEFEpr9ZlqrKmU9ia147cuj2dLe6TIMA8GA1UdEwEB/wQFMAMBAf8wCgYI\nKoZIzj0EAwIDSAAwRQIgRYx20SObKAUlL2CcEygbDjibHkz+LG3CXMfGd/62YBgC\nIQDozZbp40T+d0q3Xp/oaEJx03ZNorF+yn2UnalfhU36Ug==\n-----END CERTIFICATE-----\n','\n',char(10)),NULL,NULL,'5362badc-a4ec-4408-8fd1-4473b8e19c3e','v1.36.0+sandbox','kubegrant-manager','token',1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e20583235353139203971533539564a475558774f422b6547566c41306957514f655a4537337a71506e583546483643414232550a44303649746b56357747796353507a6667335a6f6c52755470344e67346b414c4c584e6133326c5a47326b0a2d3e207373682d6564323535313920516e56446a77202b78724b7a496a674244556c7943702f4d4c6a4c45382f49314a3857596454365053566d31744a634b55410a3930473777786b4b66486e5a7837716b362b76574a483835556e774b7747587344735a74354c6d64474e410a2d3e20793b2d677265617365202e496b0a6d49365a6a78414d544e7350672f706a7974634650482b6658684d3836510a2d2d2d206f75594b454c622b4d6a6e652b7a7a73544c474e74506a52736834384b665537635a34476e7755746536590a46003fb20b0a8bc41c7cffa1c0bef4d3a0ea526a0b6464c1b4d08b492abfa876a9302181e747e7bddf9edbf66c30060ea1b2349c5af6e05fc130222a698b5fb51b8e85e248c58cacc290d4107c1015aca46258239ee4a2ac6a65ae1e020572cf2a03363d8f5b4a6258f8f73ee5da3b7f302ea00ec808209ca7c01490abc6ce46c263a845ef96d8779c2ae09f44187878bc841a851aa00a9d54481341d6d99ed52447cedf3eb48760bdbd82303aa34a4aa3c35b8b66970a3e8d0c831aa74161d567832335c91cdc421e5bebc9685329e00b332efc7733ace62196cf3a71279f109587ea6bbeedb2975bb02d990eef2664c780e6190171826cea0aeced679c5603cbb590e6b3fc1bb7840d64e3536303eb7d4470c7e75b47087a04ed797fbac32986339ab7539660e3bfa117df2b6eadcf85841340332ef39985e9b38cd44a9da04d6e547d907456b84e104444c9a25a25400c86190ae3f93c01ea37735b6ee591c54b6690b9e3193edcbb1241a6f1aca170344df360a6e96e960f51a434eef857b483efea61c8c66bd87b243b5b24d4fc8734633c2372903c8abdcb8b0f013efe85f69d353e9cd937bbfc22ac408541d46d52849aeaeb92edc2e0a916855cd4dbdbcdae313008c471a4057a4c7d8ced5e3966aec66ec3d800e0c89fc4768bb9166b4700ddbf95bcf43910470f2554e5f8a0859a2119ae28415734a443304982a4ba108e8e2dcc4711b9bb6b5a97bc9363d6e792090393b13afdf5c724ba92d2ce90bb278bcac8c169267c6e7b8ccefe9caa4e3e8f1e02914ec9aef5187fdaf32defad4e6fd5afff6d66defdbe9f8a3eb70a4ff351c9a3d2a74c96ec573b75c1ec1a8937f781e8871dfc348db91373777b8bddf6ac3dd7020b3b4b798472ace6b1f69fd5145e533363cf857ecb3cb8dbd2c6adfdc64e74eafdc923361f9263e5592a43b039d888b7010b66b98203c7ee727cc2ff8ea17a121604f046443aa07d54c873506cff28c14cad3c7ac4145aaaef33b260cd347b66a3097131e81496c71b8d088614dcbbec718a328f8b3ef93ee99de05e961ad32d9ffd05c78302746aef30c945dc360da4cc57da6ddcc03cd0e9b56b92409d44edcb65636ea3f2f109d4a0c48c4a77a60e31f219a94bdb6a5fb4564e169b385375da9bc2de275911c985cd5266a0f8a2a89d1b525dc30dae7ad55dddd52536a9183ee32eb84e74c2310dd8d6585601c2bf859fef3c8727dd5ee8b057bafe',2111258487,'namespaces','[]',1795898487,1795898490,0,0,NULL,NULL,NULL,0);
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
INSERT INTO grants VALUES(1,2,4,'write',1795898488,1,1821818488,'she builds it',NULL);
INSERT INTO grants VALUES(2,2,3,'read',1795898489,1,NULL,'',1795898490);
INSERT INTO grants VALUES(3,2,2,'read',1795898489,1,NULL,'',NULL);
CREATE TABLE blocks (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  by_user INTEGER NOT NULL REFERENCES users(id),
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (cluster, user)
) STRICT;
INSERT INTO blocks VALUES(2,2,1795898490,1,'');
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
, state TEXT) STRICT;
INSERT INTO audit VALUES(1,1795898486,'olivia',NULL,'init','done',NULL,'olivia','organization ''Acme'' with owner ''olivia''',NULL,'kubegrant audit v1','16348520d01af3f4d54914933993e9e83c882facc2cac428422106adaee9ee49','4b5453f441dbbfc10423913b3afbf7145034fc8f63e93bbe10e31fdc86c46a3d');
INSERT INTO audit VALUES(2,1795898486,'olivia',NULL,'user add','done',NULL,'alice','user ''alice'' added as developer',NULL,'16348520d01af3f4d54914933993e9e83c882facc2cac428422106adaee9ee49','61716991cb54db537f252991b26b64e64c10c69d586f05486bfa98b43953797a','03c51a7c8359954bdbaa18be6497c06d5542b64e4dce2619852420c15de85bbe');
INSERT INTO audit VALUES(3,1795898486,'olivia',NULL,'user add','done',NULL,'bob','user ''bob'' added as developer',NULL,'61716991cb54db537f252991b26b64e64c10c69d586f05486bfa98b43953797a','7f19b1d651bb984bbf49452affe1af3f4d538adffc388e85aae28889a5925488','8dda7af7a3a3c1d1596b73a34dba026aaee63b76376caaed0e24ab9eb4494c6e');
INSERT INTO audit VALUES(4,1795898486,'olivia',NULL,'user add','done',NULL,'carol','user ''carol'' added as developer',NULL,'7f19b1d651bb984bbf49452affe1af3f4d538adffc388e85aae28889a5925488','627b1366ddfa6a8da499973e1fb5a7f088296a2f3761486aff414ffe3c89b0ae','3c28aa6ff0e193a965cbcf32aa082b1f50c31c28f445e4edb18c92ab0ef90e20');
INSERT INTO audit VALUES(5,1795898486,'olivia',NULL,'user add','done',NULL,'adam','user ''adam'' added as admin',NULL,'627b1366ddfa6a8da499973e1fb5a7f088296a2f3761486aff414ffe3c89b0ae','61e1a21e5007ce282233962943a9233af8d7bb4e98a785b08c0a132362395e30','ed65e55fc2ed27ec4b1d50728e768efa16fbc895efc0f8f53b692b01baf26b4f');
INSERT INTO audit VALUES(6,1795898486,'olivia',NULL,'cluster add','requested','prod',NULL,'register https://127.0.0.1:41701 (v1.36.0+sandbox)',NULL,'61e1a21e5007ce282233962943a9233af8d7bb4e98a785b08c0a132362395e30','e286e5ce792ec5be9144e3fa28645031b522146674ff870eb696a433f7629dfb','ed65e55fc2ed27ec4b1d50728e768efa16fbc895efc0f8f53b692b01baf26b4f');
INSERT INTO audit VALUES(7,1795898487,'olivia',NULL,'cluster add','done','prod',NULL,'register https://127.0.0.1:41701 (v1.36.0+sandbox)',6,'e286e5ce792ec5be9144e3fa28645031b522146674ff870eb696a433f7629dfb','75db3317d9009a076f1ef4c077a71363a103c3ccc4ff681faab81a12a1fd6885','28afae0b21addc89b2c0ffa8be237dd52297afd50ea2a9d13d89c930a4e28a05');
INSERT INTO audit VALUES(8,1795898487,'olivia',NULL,'cluster add','requested','stage',NULL,'register https://127.0.0.1:41702 (v1.36.0+sandbox)',NULL,'75db3317d9009a076f1ef4c077a71363a103c3ccc4ff681faab81a12a1fd6885','3d8c0836a8715736feebc733aa90c9be4839d3062feee13ed8cdd7e50ce8b817','28afae0b21addc89b2c0ffa8be237dd52297afd50ea2a9d13d89c930a4e28a05');
INSERT INTO audit VALUES(9,1795898487,'olivia',NULL,'cluster add','done','stage',NULL,'register https://127.0.0.1:41702 (v1.36.0+sandbox)',8,'3d8c0836a8715736feebc733aa90c9be4839d3062feee13ed8cdd7e50ce8b817','a53eed1001d4121e341f21ac04641a03e85014ba4279e0d6f61702ee3b8f5303','f9ad2d1ce57d31e159b49f7cb0d6412ccb8ebef4d1eaf586593f073dfb75aa52');
INSERT INTO audit VALUES(10,1795898487,'olivia',NULL,'project create','done',NULL,NULL,'project ''shop'' made',NULL,'a53eed1001d4121e341f21ac04641a03e85014ba4279e0d6f61702ee3b8f5303','d4f461684125f6edcd6705ecd5e25208c0630ddb04515f9c9cc2080fae64735b','7e844046921271a344726667884e5ce29c5747740ac9702d056b980b009d87e7');
INSERT INTO audit VALUES(11,1795898487,'olivia',NULL,'cluster set','requested','prod',NULL,'project: shop',NULL,'d4f461684125f6edcd6705ecd5e25208c0630ddb04515f9c9cc2080fae64735b','b55ed9e16864bf0ca372aaab7b55bf864963784b97aebffa9d0c268473102c45','e418e8c8719850f12e1352d244d730e0a1079bcd6d15795c60d15970a6ca9723');
INSERT INTO audit VALUES(12,1795898487,'olivia',NULL,'cluster set','done','prod',NULL,'project: shop',11,'b55ed9e16864bf0ca372aaab7b55bf864963784b97aebffa9d0c268473102c45','67ae6ffa248e8dbc042909716092c1942dacb07746db6c4633b756f18df52e3a','e418e8c8719850f12e1352d244d730e0a1079bcd6d15795c60d15970a6ca9723');
INSERT INTO audit VALUES(13,1795898487,'olivia',NULL,'project add-member','done',NULL,'alice','''alice'' is owner of project ''shop''',NULL,'67ae6ffa248e8dbc042909716092c1942dacb07746db6c4633b756f18df52e3a','bccda24ac1fe7ae9d46d21ce6a3bcb0ec5fdfb29b4a34d5da369c20909e7337e','397ea40fb4e66f06b33f99aed9085d872293121c9575daceab5ed605c367ef04');
INSERT INTO audit VALUES(14,1795898487,'olivia',NULL,'project add-member','done',NULL,'bob','''bob'' is editor of project ''shop''',NULL,'bccda24ac1fe7ae9d46d21ce6a3bcb0ec5fdfb29b4a34d5da369c20909e7337e','1d7832232c441a340cd40374e2da9d08a9c7e3e951e1eb7c65552e103edb3b57','2be46a8262473549fbd68cafc9536ecb18ffda7f170001de07f29370ff572173');
INSERT INTO audit VALUES(15,1795898487,'olivia',NULL,'project add-member','done',NULL,'carol','''carol'' is viewer of project ''shop''',NULL,'1d7832232c441a340cd40374e2da9d08a9c7e3e951e1eb7c65552e103edb3b57','86e8bdfb227657e14fe4f7636951b21cc01766f229e8b2f21858cddf16ca24ac','978c603b56362ff9db720ffbe37689d069ba91bb3e8c2d1d11b351edcaa96fff');
INSERT INTO audit VALUES(16,1795898488,'olivia',NULL,'kubeconfig download','requested','prod','shop/admin','kubeconfig of ''shop/admin''',NULL,'86e8bdfb227657e14fe4f7636951b21cc01766f229e8b2f21858cddf16ca24ac','489c480276e3d212ee96f80cfa3b59b0fe9458ff366c944600f9bce7579d3bad','978c603b56362ff9db720ffbe37689d069ba91bb3e8c2d1d11b351edcaa96fff');
INSERT INTO audit VALUES(17,1795898488,'olivia',NULL,'kubeconfig download','requested','prod','shop/admin','version 1 of ''shop/admin'' (full)',16,'489c480276e3d212ee96f80cfa3b59b0fe9458ff366c944600f9bce7579d3bad','fc45258cf5bbac492a668fdcc7d569ece7b51e5e828b6c571a711040591f30e9','8f8e915715b5463d4d2130748afa4e12cc41e139715aebb3476834e0b20abc6c');
INSERT INTO audit VALUES(18,1795898488,'olivia',NULL,'kubeconfig download','done','prod','shop/admin','version 1 of ''shop/admin'' is on the cluster',16,'fc45258cf5bbac492a668fdcc7d569ece7b51e5e828b6c571a711040591f30e9','0f7b36b365fd8a4781bb172b60e2e4976e020086739f103761ce1cf8fddbbe7f','af75ff7f9a63cc504b1af3586d5aa9432a04e3e467968c2d611e374f06b2f64d');
INSERT INTO audit VALUES(19,1795898488,'olivia',NULL,'kubeconfig download','done','prod','shop/admin','version 1 of ''shop/admin'' handed over to ''alice'' (file), ends 2026-12-28T20:41:28Z',16,'0f7b36b365fd8a4781bb172b60e2e4976e020086739f103761ce1cf8fddbbe7f','e580c37c5911a17a89f57e2f4bc628c9f51151852ece2dd5f2d8eea81aa1a47a','af75ff7f9a63cc504b1af3586d5aa9432a04e3e467968c2d611e374f06b2f64d');
INSERT INTO audit VALUES(20,1795898488,'olivia',NULL,'kubeconfig download','requested','prod','shop/admin','kubeconfig of ''shop/admin''',NULL,'e580c37c5911a17a89f57e2f4bc628c9f51151852ece2dd5f2d8eea81aa1a47a','409dc56386960981d26a7e31530ba7886d4459412fa022867dd314b3aeb9942f','af75ff7f9a63cc504b1af3586d5aa9432a04e3e467968c2d611e374f06b2f64d');
INSERT INTO audit VALUES(21,1795898488,'olivia',NULL,'kubeconfig download','done','prod','shop/admin','version 1 of ''shop/admin'' handed over to ''bob'' (file), ends 2026-12-28T20:41:28Z',20,'409dc56386960981d26a7e31530ba7886d4459412fa022867dd314b3aeb9942f','65334bd8e08822065891ebd4faf9e3c9279cafbe5f83a156fbf5e0c006c94429','af75ff7f9a63cc504b1af3586d5aa9432a04e3e467968c2d611e374f06b2f64d');
INSERT INTO audit VALUES(22,1795898488,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','kubeconfig of ''shop/read''',NULL,'65334bd8e08822065891ebd4faf9e3c9279cafbe5f83a156fbf5e0c006c94429','8f4d9389ca2dace096f580a1af2598e45f2e90ddfd8df4ea7e62bd28522ff7fb','af75ff7f9a63cc504b1af3586d5aa9432a04e3e467968c2d611e374f06b2f64d');
INSERT INTO audit VALUES(23,1795898488,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','version 1 of ''shop/read'' (read)',22,'8f4d9389ca2dace096f580a1af2598e45f2e90ddfd8df4ea7e62bd28522ff7fb','898cd6f606bbe2abb70bdff3e3ca8c06b93abeda6b9bfc2942596aeeaa4e9593','efed070567db7a7fae5e90c4ff35c395ebdba11ca82d7d2b56213cf726e9871b');
INSERT INTO audit VALUES(24,1795898488,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' is on the cluster',22,'898cd6f606bbe2abb70bdff3e3ca8c06b93abeda6b9bfc2942596aeeaa4e9593','b0b6f3e134cc1b3061bd29a0938678afe49716109ecf6e5b0032275ae2c75da2','25506cc16ba1c73bcca61d20aa11db080d63d4bd8156d66db57c3e5cf88db90f');
INSERT INTO audit VALUES(25,1795898488,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' handed over to ''carol'' (file), ends 2026-12-28T20:41:28Z',22,'b0b6f3e134cc1b3061bd29a0938678afe49716109ecf6e5b0032275ae2c75da2','98c2f4d8e751ec3ae54c414c503ac454c203ab4beacbf7cdfc0df7432dd34917','25506cc16ba1c73bcca61d20aa11db080d63d4bd8156d66db57c3e5cf88db90f');
INSERT INTO audit VALUES(26,1795898488,'olivia',NULL,'project remove-member','requested',NULL,'bob','''bob'' is no member of project ''shop'' any more',NULL,'98c2f4d8e751ec3ae54c414c503ac454c203ab4beacbf7cdfc0df7432dd34917','f788f0e62c8a5f009be038d7868f747247ac75a559ee33ca58c418dd41dac704','25506cc16ba1c73bcca61d20aa11db080d63d4bd8156d66db57c3e5cf88db90f');
INSERT INTO audit VALUES(27,1795898488,'olivia',NULL,'project remove-member','done',NULL,'bob','''bob'' keeps version 1 of ''shop/admin'' on cluster ''prod''',26,'f788f0e62c8a5f009be038d7868f747247ac75a559ee33ca58c418dd41dac704','782dae3559c636b314683ced987141c7e189ff973eaafaf04cae8a7a500ae13d','6843f0e1942fa7dbc5947fe287a6fb1aad7d06d40b20a94f1ff648438445fdda');
INSERT INTO audit VALUES(28,1795898488,'olivia',NULL,'project remove-member','done',NULL,'bob','''bob'' is no member of project ''shop'' any more',26,'782dae3559c636b314683ced987141c7e189ff973eaafaf04cae8a7a500ae13d','d2d1489799e38bd99dedcf8dfacb037f373342304e7cdc9587657cf46891897b','6843f0e1942fa7dbc5947fe287a6fb1aad7d06d40b20a94f1ff648438445fdda');
INSERT INTO audit VALUES(29,1795898488,'olivia',NULL,'access grant','requested','stage','carol','write for ''carol'' until 2027-09-24T20:41:28Z: she builds it',NULL,'d2d1489799e38bd99dedcf8dfacb037f373342304e7cdc9587657cf46891897b','32b27d6ed4bade59aa91fab011dd8c9a7db8d90d7a641f7da453b9790bb8836b','332ac39beb168f299aff1f1d493a5a1dedd8f66ec9756a4e7385a8ca435684dc');
INSERT INTO audit VALUES(30,1795898488,'olivia',NULL,'access grant','done','stage','carol','write for ''carol'' until 2027-09-24T20:41:28Z: she builds it',29,'32b27d6ed4bade59aa91fab011dd8c9a7db8d90d7a641f7da453b9790bb8836b','3fe31a2199f15e635c9494432c7be4d5bbea7e25c153db0bb9bbcb31dcdc50ee','332ac39beb168f299aff1f1d493a5a1dedd8f66ec9756a4e7385a8ca435684dc');
INSERT INTO audit VALUES(31,1795898488,'olivia',NULL,'kubeconfig download','requested','stage','carol','kubeconfig of ''carol''',NULL,'3fe31a2199f15e635c9494432c7be4d5bbea7e25c153db0bb9bbcb31dcdc50ee','d48fd08d4b3b3e36b19e0c8fec5c6ad1907752af8e9fd23f40b76f418569b6aa','332ac39beb168f299aff1f1d493a5a1dedd8f66ec9756a4e7385a8ca435684dc');
INSERT INTO audit VALUES(32,1795898488,'olivia',NULL,'kubeconfig download','requested','stage','carol','version 1 of ''carol'' (write)',31,'d48fd08d4b3b3e36b19e0c8fec5c6ad1907752af8e9fd23f40b76f418569b6aa','811773a8519f11366cb2849915da57e87cfadc3ce126f2572d5b94a8f7a1b75c','c9fcf93e0c92cd9ee9b073fb6baead221bf470766b8de4a5d8f3e17acaa67417');
INSERT INTO audit VALUES(33,1795898489,'olivia',NULL,'kubeconfig download','done','stage','carol','version 1 of ''carol'' is on the cluster',31,'811773a8519f11366cb2849915da57e87cfadc3ce126f2572d5b94a8f7a1b75c','7976b9efab8affcb59f1e812f015b03472ee0084bdbee16def2b181281bcbee0','5ace297489759e728aa95561360641a3ff6c52ff183a923bebc745712be4075f');
INSERT INTO audit VALUES(34,1795898489,'olivia',NULL,'kubeconfig download','done','stage','carol','version 1 of ''carol'' handed over (file), ends 2026-12-28T20:41:29Z',31,'7976b9efab8affcb59f1e812f015b03472ee0084bdbee16def2b181281bcbee0','de244475372fa0d24d4e62fbdf5875e3fc66d30eaff4957a2170aa1e0dfb609e','5ace297489759e728aa95561360641a3ff6c52ff183a923bebc745712be4075f');
INSERT INTO audit VALUES(35,1795898489,'olivia',NULL,'access grant','requested','stage','bob','read for ''bob''',NULL,'de244475372fa0d24d4e62fbdf5875e3fc66d30eaff4957a2170aa1e0dfb609e','28eadf21f146f1e9af6aeaf20fa0d4345e7bdfbfcf231c3833d4746dc4600a04','e3d879bd3f246831c50369b46441fff4ce1ac3b8b0c02f49cb891f8ec25f6c84');
INSERT INTO audit VALUES(36,1795898489,'olivia',NULL,'access grant','done','stage','bob','read for ''bob''',35,'28eadf21f146f1e9af6aeaf20fa0d4345e7bdfbfcf231c3833d4746dc4600a04','cbd1b28eacea8605223d528960d233067f568c4466a7981c9c26e9cc4419e480','e3d879bd3f246831c50369b46441fff4ce1ac3b8b0c02f49cb891f8ec25f6c84');
INSERT INTO audit VALUES(37,1795898489,'olivia',NULL,'kubeconfig download','requested','stage','bob','kubeconfig of ''bob''',NULL,'cbd1b28eacea8605223d528960d233067f568c4466a7981c9c26e9cc4419e480','979b9794ba226c4b5e72dc9270e702d5074a15f88a2e425034cf71275c2b3974','e3d879bd3f246831c50369b46441fff4ce1ac3b8b0c02f49cb891f8ec25f6c84');
INSERT INTO audit VALUES(38,1795898489,'olivia',NULL,'kubeconfig download','requested','stage','bob','version 1 of ''bob'' (read)',37,'979b9794ba226c4b5e72dc9270e702d5074a15f88a2e425034cf71275c2b3974','3c7cb0b31105471e180d64062c221826603ca007d3e2ad43d0cb1e6997a22cb1','dd78466bb739f9c3477ffea2957bb98467b11e0a4bf7e3aea0b1ea719958d965');
INSERT INTO audit VALUES(39,1795898489,'olivia',NULL,'kubeconfig download','done','stage','bob','version 1 of ''bob'' is on the cluster',37,'3c7cb0b31105471e180d64062c221826603ca007d3e2ad43d0cb1e6997a22cb1','cb0520b6a1c5822c0dd95eb382b03f8785a4998e24f29f16d7362884b00772de','84b9105e53969774528db7aa3aad39cfe1330fcec069df1d83ba3951440a89ed');
INSERT INTO audit VALUES(40,1795898489,'olivia',NULL,'kubeconfig download','done','stage','bob','version 1 of ''bob'' handed over (file), ends 2026-12-28T20:41:29Z',37,'cb0520b6a1c5822c0dd95eb382b03f8785a4998e24f29f16d7362884b00772de','f8960302b279f138bc33b890fa386ca340690203e16dcbf7c36f63c59faf284f','84b9105e53969774528db7aa3aad39cfe1330fcec069df1d83ba3951440a89ed');
INSERT INTO audit VALUES(41,1795898489,'olivia',NULL,'rbac bind','requested','stage','bob','ClusterRole ''view'' cluster-wide for ''bob''',NULL,'f8960302b279f138bc33b890fa386ca340690203e16dcbf7c36f63c59faf284f','db11fce0b8a4463235cafeb368e4072802755d5f290fa3a21ed89f923eeb44a4','fa51243f5480ced5dfa6688b1a7b68b3b9f3a19a51840bd308c3b086c93bd0ac');
INSERT INTO audit VALUES(42,1795898489,'olivia',NULL,'rbac bind','done','stage','bob','ClusterRole ''view'' cluster-wide for ''bob''',41,'db11fce0b8a4463235cafeb368e4072802755d5f290fa3a21ed89f923eeb44a4','ea6068cfe359c96c3fa57b392ae4c8f7e0ec6e66d90c21ec62ed47cad9345e93','fa51243f5480ced5dfa6688b1a7b68b3b9f3a19a51840bd308c3b086c93bd0ac');
INSERT INTO audit VALUES(43,1795898489,'olivia',NULL,'ssh-key generate','done','prod',NULL,'key SHA256:P4epi66TMcRjpQbDW7UhKszPQVA1+ud6iRNlpHfsnd0 (ed25519)',NULL,'ea6068cfe359c96c3fa57b392ae4c8f7e0ec6e66d90c21ec62ed47cad9345e93','be612a11f18c760ce5f16fc705dfb37dcc847ba2daf4090cafad7dcc4d0698cf','d4fb85381dc81930fbb609670f79377d6c6b7b2671b3223e1c63b127d9b51dc4');
INSERT INTO audit VALUES(44,1795898489,'olivia',NULL,'access grant','requested','stage','alice','read for ''alice''',NULL,'be612a11f18c760ce5f16fc705dfb37dcc847ba2daf4090cafad7dcc4d0698cf','696de112380a4cfeab43fb3b8610ff034d79678c2850eac44955872ca42f078e','9c1185d34cb61876cbbcfc266b1db41e1f4985df1d2981b413717f5f206103ea');
INSERT INTO audit VALUES(45,1795898489,'olivia',NULL,'access grant','done','stage','alice','read for ''alice''',44,'696de112380a4cfeab43fb3b8610ff034d79678c2850eac44955872ca42f078e','d2cd6f98c61246983f49f037378ae664acf39021edf7ed83af70d7f74804face','9c1185d34cb61876cbbcfc266b1db41e1f4985df1d2981b413717f5f206103ea');
INSERT INTO audit VALUES(46,1795898489,'olivia',NULL,'kubeconfig download','requested','stage','alice','kubeconfig of ''alice''',NULL,'d2cd6f98c61246983f49f037378ae664acf39021edf7ed83af70d7f74804face','3b19505c248db0eb075bda1172cdf9a703be2af5acb80680d1b7e9bd8e7aeadd','9c1185d34cb61876cbbcfc266b1db41e1f4985df1d2981b413717f5f206103ea');
INSERT INTO audit VALUES(47,1795898489,'olivia',NULL,'kubeconfig download','requested','stage','alice','version 1 of ''alice'' (read)',46,'3b19505c248db0eb075bda1172cdf9a703be2af5acb80680d1b7e9bd8e7aeadd','d882df5e05e87ff42985db5aa4216480f8f0b15fcf37de4a1b1011d7d61ec5a6','d5f2b3519d90309897224280cdbb80f6126a338fdf53e8424e5956d4bc3f9ff7');
INSERT INTO audit VALUES(48,1795898490,'olivia',NULL,'kubeconfig download','done','stage','alice','version 1 of ''alice'' is on the cluster',46,'d882df5e05e87ff42985db5aa4216480f8f0b15fcf37de4a1b1011d7d61ec5a6','8ffed8cc9cc2772e13d52ca6760d93f522293a77a9c53649985f9d2abe2eff16','21d88836bf65ff8fc6a2a39d660e52772f126ca10813d0a9b3f8637dde54d863');
INSERT INTO audit VALUES(49,1795898490,'olivia',NULL,'kubeconfig download','done','stage','alice','version 1 of ''alice'' handed over (file), ends 2026-12-28T20:41:30Z',46,'8ffed8cc9cc2772e13d52ca6760d93f522293a77a9c53649985f9d2abe2eff16','59eb72a1f629397f1773a58e869052a783a991de064a5467e4a2afa14c081dc4','21d88836bf65ff8fc6a2a39d660e52772f126ca10813d0a9b3f8637dde54d863');
INSERT INTO audit VALUES(50,1795898490,'olivia',NULL,'team revoke','requested','stage','alice','revoke and block the kubeconfig of ''alice''',NULL,'59eb72a1f629397f1773a58e869052a783a991de064a5467e4a2afa14c081dc4','a49167b4c749c5c36d5e838b27159b3778c23ba89fad8e9034c6a32f77c41fb9','21d88836bf65ff8fc6a2a39d660e52772f126ca10813d0a9b3f8637dde54d863');
INSERT INTO audit VALUES(51,1795898490,'olivia',NULL,'team revoke','requested','stage','alice','version 1 of ''alice'' ends: revoked by an admin',50,'a49167b4c749c5c36d5e838b27159b3778c23ba89fad8e9034c6a32f77c41fb9','68830f08a509ae3ff55b7c2682765bd0abb57eebac7d54dc622acf4f59354043','3c38fd1e2b4ee076e8cb8d5fcee98fb15924bbe39c125896bdf9031c309b7def');
INSERT INTO audit VALUES(52,1795898490,'olivia',NULL,'team revoke','done','stage','alice','version 1 of ''alice'' is gone, read back from the cluster',50,'68830f08a509ae3ff55b7c2682765bd0abb57eebac7d54dc622acf4f59354043','25d3b0f18bc0f78ca937e4ae158ee0a8f4cfab87515aed604f035638e41953d2','2aa03763bf7384a186263cea19e2c8bbf030d45de3e5a397de90505ba1347bfa');
INSERT INTO audit VALUES(53,1795898490,'olivia',NULL,'team revoke','done','stage','alice','',50,'25d3b0f18bc0f78ca937e4ae158ee0a8f4cfab87515aed604f035638e41953d2','2e732d86d805a000214f90d2d6564a14e16ddebacba055d60e2f1dc6f77672d5','2aa03763bf7384a186263cea19e2c8bbf030d45de3e5a397de90505ba1347bfa');
INSERT INTO audit VALUES(54,1795898490,'olivia',NULL,'access revoke','requested','stage','bob','access of ''bob'' removed',NULL,'2e732d86d805a000214f90d2d6564a14e16ddebacba055d60e2f1dc6f77672d5','5e711d048f6293b5d4313d45042582f4290ea55a903a52f9dd3a98912a06ddf6','2aa03763bf7384a186263cea19e2c8bbf030d45de3e5a397de90505ba1347bfa');
INSERT INTO audit VALUES(55,1795898490,'olivia',NULL,'access revoke','requested','stage','bob','version 1 of ''bob'' ends: access level changed',54,'5e711d048f6293b5d4313d45042582f4290ea55a903a52f9dd3a98912a06ddf6','5f1772aabe367dcedcc1ffe2be1bd247377c85dcf0cddf5d87b1a07aad1e245a','536e01e8236a34146267439f179c485de7c1dd374c83935745f9db0986f6028f');
INSERT INTO audit VALUES(56,1795898492,'olivia',NULL,'access revoke','owed','stage','bob','cluster ''stage'': cannot reach https://127.0.0.1:41702: tcp connect error: Connection refused (os error 111)',54,'5f1772aabe367dcedcc1ffe2be1bd247377c85dcf0cddf5d87b1a07aad1e245a','879006e68e35bf7b403a43bb9670dd8c999ab27af302a67c084df716864a4b96','536e01e8236a34146267439f179c485de7c1dd374c83935745f9db0986f6028f');
INSERT INTO audit VALUES(57,1795898492,'olivia',NULL,'access revoke','owed','stage','bob','access of ''bob'' removed',54,'879006e68e35bf7b403a43bb9670dd8c999ab27af302a67c084df716864a4b96','809aacf4ce5398bf94247c40ad66cdf94f5280bb3dc4b3106a40fd99386a1f6d','536e01e8236a34146267439f179c485de7c1dd374c83935745f9db0986f6028f');
INSERT INTO audit VALUES(58,1795898492,'olivia',NULL,'rbac unbind','requested','stage','bob','ClusterRole ''view'' cluster-wide of ''bob''',NULL,'809aacf4ce5398bf94247c40ad66cdf94f5280bb3dc4b3106a40fd99386a1f6d','a15a463ed8b38e051db4b0a57b77d145b14569e4ed616225b1613ffcec0ed103','069c89bcdc853e0cd78675b2752d967ea29305f7117dcba4e0ab01a86c77c6a0');
INSERT INTO audit VALUES(59,1795898494,'olivia',NULL,'rbac unbind','owed','stage','bob','cluster ''stage'': cannot reach https://127.0.0.1:41702: tcp connect error: Connection refused (os error 111)',58,'a15a463ed8b38e051db4b0a57b77d145b14569e4ed616225b1613ffcec0ed103','aaa8c1fa4259ae9a1a41d25c3d6350e1cc65403b26fdc173464ffd650de9c4c9','069c89bcdc853e0cd78675b2752d967ea29305f7117dcba4e0ab01a86c77c6a0');
INSERT INTO audit VALUES(60,1795898494,'olivia',NULL,'rbac unbind','owed','stage','bob','ClusterRole ''view'' cluster-wide of ''bob''',58,'aaa8c1fa4259ae9a1a41d25c3d6350e1cc65403b26fdc173464ffd650de9c4c9','a279f8791c1bbbe7a72837e4df6b72b793ceea0682cbe3d0a28f2d36c926f470','069c89bcdc853e0cd78675b2752d967ea29305f7117dcba4e0ab01a86c77c6a0');
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
INSERT INTO ssh_keys VALUES(1,1,1,'current','available','ed25519','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5OYnmuF2cNvxcGV8oZ7YDyusU52eajLGNrBcU3sz2t kubegrant:prod','SHA256:P4epi66TMcRjpQbDW7UhKszPQVA1+ud6iRNlpHfsnd0','generated',1795898489,1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e2058323535313920784b5a41636f54662f4d47304c4873515465574a765375392f664e746a774a4d33636f64663969304b6e6b0a6a642f7a6c5143384f2b6d554664543545477577324e65574f636944764c5278626f33474c4a63636966490a2d3e207373682d6564323535313920516e56446a77203334635148344a432f617146534b54666f727571495755694243386167554b6e415646482b5573394c69410a49454936332b584173306f3333466e2f394d3445657a62427068563530646b2b37726b70677a78565068450a2d3e2023453a4b477a4d4c2d6772656173650a424478766a654f3430587150305361326f6356764e71557543723837716953304d4345394742392b4e456648377a51684a67477370757a39796276756b504a6e0a792f44586661756c6651495534484e2f50742b54725968384756510a2d2d2d204b51704665546a72365051584f6e782b42757761446d54324854433873413268704f373076334b586337550ab21de8455b26d7e5e1807c44d8dc88eb88099b90b793952c9503b0515d112b5b463c85d629884e303196dd10242905fe7fe966b5e097d08452db70b913a0be2241ddb89301c84d5258e02aa0867a8e1968eaaea0ad4c1933824cab8994d458b407116707b21898e1c63a199e23ab0a1834445378273fec4f503b2db0496d4a93f0b7a11442b3a2c74bb14d18b1615f53d4c76d76c710e3787ff9da75e0c06a370f39ee1cb75cc01dc9d18c120f5baadfcbcb4e56c3f4031207eba2d552ea15b587c4c17de53490261e474891884df59878832a53cc8df2ebf1c0441d9a3f518801fdf5dda448a2313f2148815685a48c6de135824a43eaa1691a1cac103b3817c4cbbb53b6d0d05d1a03ff27d94660d4a40ee57eb94b90e13f0ca1ea3d4548394f486d7adde5b987bc52defe6aef7aa1e61abc689dabaee364458187dfe7c4e83cb97d4b6300307391880bfb0c591b4513f3bd5be8a1ceccec387bedaad7950cd99418c0a1875a6dac9701efdd90c0e9a3fe5dffd33fc688913d031e31c01daa66ecbde2d015334b2c81d99ed245d4fa46907344a46640f008d2ff1d24ea9cc7ab262fb3697b75077577025127b5f053ba811fa5846d1d69185c01d85944deee2a75559cedbd1c467a5f2ab1cbb58cf0ef86515882cbd1d8d16c7999be654bc6969fa554d62c99ba4b162a941e296cc0c61f8c271271c7bb416d2fbad0122d8a9f2a002979d5f7fb1910eebadf300561baa5794f35b5b51d03793a4f42255774f3dde3d8a7',NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO projects VALUES(1,'shop','',1795898487,1,NULL);
CREATE TABLE project_members (
  project INTEGER NOT NULL REFERENCES projects(id),
  user INTEGER NOT NULL REFERENCES users(id),
  role TEXT NOT NULL CHECK (role IN ('viewer','editor','owner')),
  added_at INTEGER NOT NULL,
  added_by INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (project, user)
) STRICT, WITHOUT ROWID;
INSERT INTO project_members VALUES(1,2,'owner',1795898487,1);
INSERT INTO project_members VALUES(1,4,'viewer',1795898487,1);
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
  until INTEGER,
  UNIQUE (cluster, account),
  CHECK ((kind = 'shared') = (user IS NULL)),
  CHECK ((kind = 'shared') = (project IS NOT NULL)),
  CHECK ((kind = 'shared') = (level IS NOT NULL)),
  CHECK ((kind = 'shell') = (until IS NOT NULL))
) STRICT;
INSERT INTO credentials VALUES(1,1,'shared',NULL,1,'admin',1,'shop-admin-82d9c7eb-v1','full','active',NULL,1795898488,1795898488,NULL,NULL,1798490488,NULL);
INSERT INTO credentials VALUES(2,1,'shared',NULL,1,'read',1,'shop-read-2300b773-v1','read','active',NULL,1795898488,1795898488,NULL,NULL,1798490488,NULL);
INSERT INTO credentials VALUES(3,2,'personal',4,NULL,NULL,1,'carol-6ac563b2-v1','write','active',NULL,1795898488,1795898489,NULL,NULL,1798490489,NULL);
INSERT INTO credentials VALUES(4,2,'personal',3,NULL,NULL,1,'bob-09241866-v1','read','revoking','access level changed',1795898489,1795898489,1795898490,NULL,1798490489,NULL);
INSERT INTO credentials VALUES(5,2,'personal',2,NULL,NULL,1,'alice-e2f62ca1-v1','read','revoked','revoked by an admin',1795898489,1795898490,1795898490,1795898490,1798490490,NULL);
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
INSERT INTO deliveries VALUES(1,1,2,1,1795898488,1798490488,'3bdb5d85-9dc3-44cf-9732-28fc2bb680d6','file');
INSERT INTO deliveries VALUES(2,1,3,1,1795898488,1798490488,'2362ae30-da71-4163-9bdd-ae90263b1f67','file');
INSERT INTO deliveries VALUES(3,2,4,1,1795898488,1798490488,'d99169ad-1c64-4f0d-b862-423aff764222','file');
INSERT INTO deliveries VALUES(4,3,4,1,1795898489,1798490489,'100ae337-d6cd-4f85-bbfd-3f65c47e0e0f','file');
INSERT INTO deliveries VALUES(5,4,3,1,1795898489,1798490489,'152d4378-caf4-4a00-bcd0-47a2c68f4632','file');
INSERT INTO deliveries VALUES(6,5,2,1,1795898490,1798490490,'22d05556-001f-44d0-931c-a85487e3c4c2','file');
CREATE TABLE holders (
  credential INTEGER NOT NULL REFERENCES credentials(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  -- The version lives on though this holder lost the level: somebody decided so.
  kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0,1)),
  PRIMARY KEY (credential, user)
) STRICT, WITHOUT ROWID;
INSERT INTO holders VALUES(1,2,1795898488,0);
INSERT INTO holders VALUES(1,3,1795898488,1);
INSERT INTO holders VALUES(2,4,1795898488,0);
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
INSERT INTO bindings VALUES(1,2,3,'ClusterRole','view',NULL,1795898489,1,'',1795898492,1);
CREATE TABLE digests (
  name TEXT NOT NULL,
  part TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (name, part)
) STRICT, WITHOUT ROWID;
INSERT INTO digests VALUES('blocks','2','62c65a1b6dc35d04a418371349fc20221fdb90e6a219948b59eaa5e052e235a1');
INSERT INTO digests VALUES('clusters','1','8a5b0f375b8da766b9271f5627774cfe456e207ff814f20d7d483f164ec01b3e');
INSERT INTO digests VALUES('clusters','2','f87631e3767a57d21ec6c091e7fb5e9cd220fe0eac9593a0b7f99ca0bd524b90');
INSERT INTO digests VALUES('credentials','1','1c49f30f10b800be077c595f1579be61fa015309fcc33ff55d2e9202222b91d5');
INSERT INTO digests VALUES('credentials','2','da9d916886cb77df6dc036236b868da06296b535c440a922101f86b9bad22521');
INSERT INTO digests VALUES('grants','2','0c8d402f59a440ce79e7c23221be057bef4bdf8166c01367d0c59514c5d56385');
INSERT INTO digests VALUES('meta','','36763c358a985ee9824ff02f5247cb56469e982b6affd502b661cf84be2752d7');
INSERT INTO digests VALUES('project_members','1','4df1ccd963fb6d8884ce44eff388393d55b43c514f9bdf8e06c2a19afd71b1b9');
INSERT INTO digests VALUES('projects','','ec6a09165fd3a65030ee953fde9525be1e6eea2eec1b3c237571f38553cfe97d');
INSERT INTO digests VALUES('ssh_keys','1','3eec747e8ed005a75fe06dddd3031a2dfe8d0bfd8d3aa13f6f64b0487ec66a14');
INSERT INTO digests VALUES('users','1','5e3ea76fbb415273e6e293c4bd4b9b9dcca4230162fbb47eeede2094a2770f42');
INSERT INTO digests VALUES('users','2','43973ae66ae2257cc754a70614e4bb31edf129ec841c8ecf0c80c80cbf2fb3a2');
INSERT INTO digests VALUES('users','3','409b15bc6e0a5bb3bd5f2d627ba673af60b4d15525ae935d0a0e817c71058f4f');
INSERT INTO digests VALUES('users','4','75ed08b192a0071feb66eddf028f30dead882b13e7025a6a6f7ff85b4763f752');
INSERT INTO digests VALUES('users','5','fe364e91c00dfe9d49940c1013727f2feecb54f214c6ab0899a2ad95fa920709');
CREATE TABLE version_floors (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  owner TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (cluster, owner)
) STRICT, WITHOUT ROWID;
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
COMMIT;
PRAGMA application_id=1801940596;
PRAGMA user_version=5;
