PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (
  key TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES('organization','Acme');
INSERT INTO meta VALUES('installation','5908435f');
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  email TEXT UNIQUE COLLATE NOCASE,
  role TEXT NOT NULL CHECK (role IN ('developer','admin','owner')),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0,1)),
  key TEXT UNIQUE,
  created_at INTEGER NOT NULL
, key_set_at INTEGER, key_set_by INTEGER REFERENCES users(id)) STRICT;
INSERT INTO users VALUES(1,'olivia',NULL,'owner',1,'age1t2mphr7yp0wcydxjg07fqjwstt3xrcy8kfjcwd7e93s9g9r42gcshvxp2w',1796055152,NULL,NULL);
INSERT INTO users VALUES(2,'alice',NULL,'developer',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF0g0yqxC3clBI4F1z47pTzJc8uOlJ0Mi1HO64UQ8bZf',1796055152,NULL,NULL);
INSERT INTO users VALUES(3,'bob',NULL,'developer',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBkHD5VPF7V+gmrmCAdvLBH5C7z73KvARte+z6dCu6H7',1796055152,NULL,NULL);
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
INSERT INTO clusters VALUES(1,'prod','active',0,NULL,'','{}','https://127.0.0.1:36443',replace('-----BEGIN CERTIFICATE-----\nMIIBbzCCARWgAwIBAgIUAR5SEy15/oKST2XCySQPRPqozYQwCgYIKoZIzj0EAwIw\nDTELMAkGA1UEAwwCY2EwHhcNMjYxMTMwMTUzNzQ2WhcNMjYxMjMwMTUzNzQ2WjAN\nMQswCQYDVQQDDAJjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAr9iLCGzUT3\n2s1iJ3pax/f7bcFw1IG2KcnXGIASsC3c1KUSGLmaicWpUIqT93XuAf9eQe1xgZtk\nzcB0Em2MS0KjUzBRMB0GA1UdDgQWBBTNxTTxd+X3ow5QRCHX6fnLcFlcdTAfBgNV\nHSMEGDAWgBTNxTTxd+X3ow5QRCHX6fnLcFlcdTAPBgNVHRMBAf8EBTADAQH/MAoG\nCCqGSM49BAMCA0gAMEUCID9p229eLW9jUI6BN5qTmGcpHsStx0JadKzmMlnnso/F\nAiEAjlr6B+6KJBfzt260LG+jA5nYduNrj0+VxyLFUrOtbAA=\n-----END CERTIFICATE-----\n','\n',char(10)),NULL,NULL,'ad0ab970-bcd5-448a-8281-5abbcb2269f8','v0.0.0-master+$Format:%H$','kubegrant-manager-0c1bce05','token',1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e20583235353139205632502b68752f545756454c5742364c39666d6b632f716464756b4c76335a332b58586e584a626c6a586f0a6c395a36776a717945466e69416e534e58634571326f727a7275454851386b66514f6d2b31644c34576c380a2d3e204b613938364f575a2d677265617365207878323c4a5672203c393b204154204e493e76676e780a2b69515071736c6b4c76756869647a597a466b534c6168453164623051762f706d68614852664e5839714733413472376549776e51426957576c38524b6d4e480a5131724936767177664776706a44336866586c47745036764f656130562f654b7844565865375a56386b475648510a2d2d2d20353342365341384851346a3041374a75623877776d676b696c3558414b77615a2f464d326b772f493077630a72c7c2ab681bf76245ea3a5b418256b660fe0290805db64c54e0be08e98a27a40300c673aebe946e2b97217e94552a469a151c05c45e8ccafbee11dd2edd1f2494ee3f8e32579f7f15c8abba037958279939a3f0fa5c262d565fd4a070afd6947bafae007c25423f1efca653208964924f280789c805b9605aee8c131b8cd3bb4c0dbaa0e7a432fd535e54c9b68e568cc667878f857e08176f8a7263ac55e9e50d08dac4393744eabe2ce2dd1dc4927a68e08453312cd31e40a8b7f13faaeffc354bc8288838d6615bef3ac9907475cac4cee5e4cbdcd9779f47ecaca9a7d715abe7f29ad031e283903a8a56e3ed053d505a8c5f9341bd72645f126f1099d89a78fbe1423aac2502279521744dd90cafcf31845e4e8f2dcb9fb4c405d53bd88f5ac22c78c9074b7d3a3b23cf1cf9e1505ae7d7d21d3ef7e1d0b2a01de6c4dd0b0a1472a87de94efcaa379fbf84765c9683a96f9e286b7de72daedff9946816a90fe79224204e883039d8e6c2cbfb9241230951b81403ce113a3d76b558df66b4b91e95449d7223a2a304eeccdd5023300d4ec2b47de635ee21e01e35bc065432064e4413f118e23f7e953ebb5ad8d6b1d4a1f645f77d910c51509df1eac6a7666d5392cc020a64259a649b3e2e8d528e9783239cdc7941d87ba4d5e94854c44eb5de2e4c14065ac7b81d94d4928a4a76c274bf6712e9f510bb315a0df46f48a2c98ee31a6124530254eed9baa05da932aea2c48e950972e6bf9d7586cdd27ca83f474385a1489faa2b68d1ba807abe6405fb04ce4d5bcc16372e41b99a5582893d05dce7975f83fa2f6e84eb98a197ef0b586127b0dc0133adf6c1b239f6c2681df368339d65f58411f0ecdc430199fc81582a3e3a5b0968b24e2ba6d8855a1253e39d6dfe73d9f4212a8f9516b91544a75d031d2a86d9b760b126caa594ee00615b5bc8b218fae8997fc0220cee86b96d13ac6484cce9cb781dcd706efeb815e6857b3a44aa0f257ec11c5d76794df0f0060eff98d8ac7630097847e188f751d588dd9ad2521205b12bedcf533e982b5794699e67a9519abd60dc36afaea55d9c61173ab90d8f79bf4850e6edca663940d97a6c2205cff607f06eab3986362f5685f89b3fc1c9e6f8ad503b5bd626d40f72f99b5746f2c7c5232f6e954586bf146648eeafb7ae16e8bbf734a5000e61a1b12f7fd4bc525ca6be4b94702e5354c53f499a7e64187c0ed234b012755d0725798a32ec7f3a8174a6c678ca43e4cc5420ef9c5a29079014098af6ba26be870bd03280e86d3a402a27c3a664324e10e7872cda8cad8b625335f80deb0e69063045716e47406d7201dd86433f2cf349ab7c9164c21db92be8a1ccbf3dd7d89476f8b66ec40bb8cbabf15575ff76e0f5b7257903ba20db82d10c9b0377857db7d22cf653061bfa3c7cc142f68e8f8840fbbaf09cbdd1750f2307da3b735df2aa622d92344c5ae29d46d0b6711ed9db7b22d0d13b73c6b1cf2fcea601bc4b3a9784a66cfa1304691b1802e92dc628dc29fc613e898c997596f2816d039d97dd52005f97a6df08e8932839338319d921324e7aeedb57a654b2b391058e442753b06b58fcbfc792898ecb277bc9613a59cb94a3efca973ec4a6ab54fe37b707efae0c1be9f328fc1c',2111415153,'namespaces','[]',1796055153,1796055153,0,0,NULL,NULL,1,0,'[]','[]','[]',0,NULL,NULL,NULL,600);
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
INSERT INTO grants VALUES(1,1,2,'read',1796055153,1,NULL,'',NULL);
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
, state TEXT) STRICT;
INSERT INTO audit VALUES(1,1796055152,'olivia',NULL,'init','done',NULL,'olivia','organization ''Acme'' with owner ''olivia''',NULL,'kubegrant audit v1','d8f07c6bb1360c55e228f2b98782784e387f609b018688d666dbae9a5c3dddcc','57a6e99f2fdc145223233e571f23e2080f35ad008005f53392344fd5af34a994');
INSERT INTO audit VALUES(2,1796055152,'olivia',NULL,'user add','done',NULL,'alice','user ''alice'' added as developer',NULL,'d8f07c6bb1360c55e228f2b98782784e387f609b018688d666dbae9a5c3dddcc','be1e3dfa6c6175c2fcdde21eb741aa8c7e4f758cb43f2a159a71072169639c2e','b2a00c8a176fcd82ec241354c8228c46726b71ea7f7af0e9b4ab5af695d1a76b');
INSERT INTO audit VALUES(3,1796055152,'olivia',NULL,'user add','done',NULL,'bob','user ''bob'' added as developer',NULL,'be1e3dfa6c6175c2fcdde21eb741aa8c7e4f758cb43f2a159a71072169639c2e','ae485ecbb9a7c2eb04b568affcd6f39f31bdbe40d67f363df78b59278d2480a8','b99bdfb334777c299f67da8726964491bac9fa4b6287be670ce77dfe16bb610d');
INSERT INTO audit VALUES(4,1796055153,'olivia',NULL,'cluster add','requested','prod',NULL,'register https://127.0.0.1:36443 (v0.0.0-master+$Format:%H$); although namespace ''kubegrant'' holds a binding of others: binding kubegrant:024bb3a6:renew:alice-4eb2fd56-r1 in namespace ''kubegrant'' (Role ''kubegrant:024bb3a6:renew:alice-4eb2fd56-r1''): account ''kubegrant/alice-4eb2fd56-r1''',NULL,'ae485ecbb9a7c2eb04b568affcd6f39f31bdbe40d67f363df78b59278d2480a8','ece55ed4bbc63f875d5c005228470728a96146419e5602e774445f993b7ac4ee','b99bdfb334777c299f67da8726964491bac9fa4b6287be670ce77dfe16bb610d');
INSERT INTO audit VALUES(5,1796055153,'olivia',NULL,'cluster add','done','prod',NULL,'register https://127.0.0.1:36443 (v0.0.0-master+$Format:%H$); although namespace ''kubegrant'' holds a binding of others: binding kubegrant:024bb3a6:renew:alice-4eb2fd56-r1 in namespace ''kubegrant'' (Role ''kubegrant:024bb3a6:renew:alice-4eb2fd56-r1''): account ''kubegrant/alice-4eb2fd56-r1''',4,'ece55ed4bbc63f875d5c005228470728a96146419e5602e774445f993b7ac4ee','e0e7f2080305d3ed34c4e89b5d88141be740b3439b6cdb3295941eb16d6257c0','bbb72cffc3d70ebe258c3e23d65430ca8a37668aab071e87f80f5e16a24894d3');
INSERT INTO audit VALUES(6,1796055153,'olivia',NULL,'cluster add','done','prod',NULL,'older logins of the manager are gone',NULL,'e0e7f2080305d3ed34c4e89b5d88141be740b3439b6cdb3295941eb16d6257c0','1ff3a357f322fe04f615fe9077aaca1d923fe9c72583566c304dd8334af1e6ec','b3f21303dacc31b6ecb6c9f88129561370ea9518486a2d924ce1f4872f732928');
INSERT INTO audit VALUES(7,1796055153,'olivia',NULL,'project create','done',NULL,NULL,'project ''shop'' made',NULL,'1ff3a357f322fe04f615fe9077aaca1d923fe9c72583566c304dd8334af1e6ec','080e64f92e3e9b132e56dbde34585b4daf7122dfe6149fa7af061bd76dd9f153','e419114d87b95ff5f70907e069141dc6934651143e96a4c89833275d4be52619');
INSERT INTO audit VALUES(8,1796055153,'olivia',NULL,'project add-member','done',NULL,'bob','''bob'' is viewer of project ''shop''',NULL,'080e64f92e3e9b132e56dbde34585b4daf7122dfe6149fa7af061bd76dd9f153','bebf8a059d5471d62feb7b1ec5862193ce8b5e37e5b1e6bccbd8a58d9ae662cf','f9a2a0a270f228e984e2e06acd937be6c3491a1c93f2a9bf8a84f54503cc835f');
INSERT INTO audit VALUES(9,1796055153,'olivia',NULL,'cluster set','requested','prod',NULL,'project: shop',NULL,'bebf8a059d5471d62feb7b1ec5862193ce8b5e37e5b1e6bccbd8a58d9ae662cf','35f3c18ecd82cd731900dfc644b6b5d013610f784745053f03df041a2bbe6ef6','3af23d41c823a87ee422d2580a4b4c77c0ac79f12168fa9f517b07a5bd0836e7');
INSERT INTO audit VALUES(10,1796055153,'olivia',NULL,'cluster set','done','prod',NULL,'project: shop',9,'35f3c18ecd82cd731900dfc644b6b5d013610f784745053f03df041a2bbe6ef6','681fd9634ff4bcb707bf917611ecc086fd5d763a8d605d8ead6f07dfb9c91704','3af23d41c823a87ee422d2580a4b4c77c0ac79f12168fa9f517b07a5bd0836e7');
INSERT INTO audit VALUES(11,1796055153,'olivia',NULL,'access grant','requested','prod','alice','read for ''alice''',NULL,'681fd9634ff4bcb707bf917611ecc086fd5d763a8d605d8ead6f07dfb9c91704','7a99f9ba7fb58820b272e297ad45d8d734bcaa7e7f4434e823996b6dc5e80b9b','c25a3dab291b011840b75ce868644238dd7070f97d15993a47c2ce4b3cf5ba7c');
INSERT INTO audit VALUES(12,1796055153,'olivia',NULL,'access grant','done','prod','alice','read for ''alice''',11,'7a99f9ba7fb58820b272e297ad45d8d734bcaa7e7f4434e823996b6dc5e80b9b','979a6818b4f77f483792dda8a34b7b4ee1ae2c3460e6f314fc143a0c16f1961e','c25a3dab291b011840b75ce868644238dd7070f97d15993a47c2ce4b3cf5ba7c');
INSERT INTO audit VALUES(13,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','kubeconfig of ''shop/read''',NULL,'979a6818b4f77f483792dda8a34b7b4ee1ae2c3460e6f314fc143a0c16f1961e','4cf2ed175c5361802c6f1694341aa8fc054a03cb210d99b55ffb94d0ef9e08d5','c25a3dab291b011840b75ce868644238dd7070f97d15993a47c2ce4b3cf5ba7c');
INSERT INTO audit VALUES(14,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','version 1 of ''shop/read'' (read)',13,'4cf2ed175c5361802c6f1694341aa8fc054a03cb210d99b55ffb94d0ef9e08d5','68aca58ac0c2da175ce73f3055d1e65a07b4798895cf7f7ccd358b685da3b030','4e4d78704ddc71d2873516c07efb28c63b2380a3a7cf091327d70107a637fd9c');
INSERT INTO audit VALUES(15,1796055153,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' is on the cluster',13,'68aca58ac0c2da175ce73f3055d1e65a07b4798895cf7f7ccd358b685da3b030','7d396837228ae9088ad2825be0faa2680a9d5125238882ed6573312b2e2f8bcb','da65034fb15d3b9e6ca35f2cba2b93b2c9e3fc320dbace7a923e7c82d51957ed');
INSERT INTO audit VALUES(16,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','a token for version 1 of ''shop/read'', until 2026-12-30T16:12:33Z',13,'7d396837228ae9088ad2825be0faa2680a9d5125238882ed6573312b2e2f8bcb','7104d0a035fd0bc2ccb1c994ee07eaa08ca380fc4509f39b68eb01c61c169895','eb7c8113bbc828b2c67671fba95289e52acdf77c518d37c449b2c548e799e809');
INSERT INTO audit VALUES(17,1796055153,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' handed over to ''bob'' (sealed file), ends 2026-12-30T16:12:33Z',13,'7104d0a035fd0bc2ccb1c994ee07eaa08ca380fc4509f39b68eb01c61c169895','a80d10496e70821d05d37f550408468bc0d878e1b664a2e8dbdd75f72421c862','ffeb2ea1416841e4ecdf3b107e8995bd0f067113818f798b7e501a0a3eb24c16');
INSERT INTO audit VALUES(18,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','alice','kubeconfig of ''alice''',NULL,'a80d10496e70821d05d37f550408468bc0d878e1b664a2e8dbdd75f72421c862','09c370b04a2f18a5d88996ed885e7b69c888c24310c1af7cf14c1a3080ab15b0','ffeb2ea1416841e4ecdf3b107e8995bd0f067113818f798b7e501a0a3eb24c16');
INSERT INTO audit VALUES(19,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','alice','version 1 of ''alice'' (read)',18,'09c370b04a2f18a5d88996ed885e7b69c888c24310c1af7cf14c1a3080ab15b0','6217e86ace6c1a47264a157b039c6fb74d49fa56499112c08f65891a90050990','af6b797b324fa3f1e77903d1caa723a4a015ac064d080bc4a9dfb52bc0ef19b1');
INSERT INTO audit VALUES(20,1796055153,'olivia',NULL,'kubeconfig download','done','prod','alice','version 1 of ''alice'' is on the cluster',18,'6217e86ace6c1a47264a157b039c6fb74d49fa56499112c08f65891a90050990','4c816adfc28738d11c5226e624324316d480d326bfd968b0a6dbfaf964dcd22f','b1cfc8bee36ef6a41abfee40eb57519f0a564f7e6aca06621990fc84afaff9f8');
INSERT INTO audit VALUES(21,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','alice','a token for version 1 of ''alice'', until 2026-12-30T16:12:33Z',18,'4c816adfc28738d11c5226e624324316d480d326bfd968b0a6dbfaf964dcd22f','0b7c7fc0635fc3326a5202044ff3e499844bafbed44324095107471eefe31eb4','64f28a74275d1e989c20511a22cce46ec936e1000674b2498ae6dfcb698be8f6');
INSERT INTO audit VALUES(22,1796055153,'olivia',NULL,'kubeconfig download','done','prod','alice','version 1 of ''alice'' handed over (sealed file), ends 2026-12-30T16:12:33Z',18,'0b7c7fc0635fc3326a5202044ff3e499844bafbed44324095107471eefe31eb4','ed44b2eb83bb7cc9d8d2e9ce439d3cb03e1d8e689b3879da41351443805d138a','ff3d387a434381b0ce180587a09172c0c198a52d4819c735e558c24f74f6666f');
INSERT INTO audit VALUES(23,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','olivia','kubeconfig of ''olivia''',NULL,'ed44b2eb83bb7cc9d8d2e9ce439d3cb03e1d8e689b3879da41351443805d138a','1ba34751b91946dcd770d9c2f617a944b856fac26012faa13e2540430136a2ea','ff3d387a434381b0ce180587a09172c0c198a52d4819c735e558c24f74f6666f');
INSERT INTO audit VALUES(24,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','olivia','version 1 of ''olivia'' (full)',23,'1ba34751b91946dcd770d9c2f617a944b856fac26012faa13e2540430136a2ea','6533fd9965603c84be47f385ebfdd5570c9c1ad24744f4857ffa404e24fdff8e','845b994bdae6a0faee01fbe22bae0fb5c8f3580aa35a4409eeecb91c7900a696');
INSERT INTO audit VALUES(25,1796055153,'olivia',NULL,'kubeconfig download','done','prod','olivia','version 1 of ''olivia'' is on the cluster',23,'6533fd9965603c84be47f385ebfdd5570c9c1ad24744f4857ffa404e24fdff8e','e3220638bebcd181f430c9436c8d98950c4621f279d7c139e30282da34bda166','526a5e3a2718a84a8f58f7ddd01a4041fc703927835c37a86ade614bfe0fa6c9');
INSERT INTO audit VALUES(26,1796055153,'olivia',NULL,'kubeconfig download','requested','prod','olivia','a token for version 1 of ''olivia'', until 2026-12-30T16:12:33Z',23,'e3220638bebcd181f430c9436c8d98950c4621f279d7c139e30282da34bda166','5d122c1d2628b1d7def230f84511167637543cdd8ad531d99d267d93f4590acf','cd4e6f986718d25cefe46c4e01a80721c9d69b9a5e86df9a01ced7e1a40ff9e7');
INSERT INTO audit VALUES(27,1796055153,'olivia',NULL,'kubeconfig download','done','prod','olivia','version 1 of ''olivia'' handed over (renewing file), ends 2026-12-30T16:12:33Z',23,'5d122c1d2628b1d7def230f84511167637543cdd8ad531d99d267d93f4590acf','cf977ef43479938fe9b9c338dcba5676b3ec7cf7570b3a466cb19ad270265a7f','853ed7f1ce3f316c3374106c66c9d696ba96710e0e1c7aff5b66986e8e3eb77e');
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
INSERT INTO projects VALUES(1,'shop','',1796055153,1,NULL);
CREATE TABLE project_members (
  project INTEGER NOT NULL REFERENCES projects(id),
  user INTEGER NOT NULL REFERENCES users(id),
  role TEXT NOT NULL CHECK (role IN ('viewer','editor','owner')),
  added_at INTEGER NOT NULL,
  added_by INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (project, user)
) STRICT, WITHOUT ROWID;
INSERT INTO project_members VALUES(1,3,'viewer',1796055153,1);
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
INSERT INTO credentials VALUES(1,1,'shared',NULL,1,'read',1,'kubegrant-users/shop-read-4f4dcc9b-v1','read','active',NULL,1796055153,1796055153,NULL,NULL,1798647153,NULL,1,NULL);
INSERT INTO credentials VALUES(2,1,'personal',2,NULL,NULL,1,'kubegrant-users/alice-9224bb4a-v1','read','active',NULL,1796055153,1796055153,NULL,NULL,1798647153,NULL,1,NULL);
INSERT INTO credentials VALUES(3,1,'personal',1,NULL,NULL,1,'olivia-1513a51e-v1','full','active',NULL,1796055153,1796055153,NULL,NULL,1798650753,NULL,1,'fixed');
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
INSERT INTO deliveries VALUES(1,1,3,1,1796055153,1798647153,'a3756c0e-4f61-4795-bf39-7a8fdf1c0e4c','sealed file');
INSERT INTO deliveries VALUES(2,2,2,1,1796055153,1798647153,'9bc2829f-cf32-4bbd-8bcd-4f6b66ce43bf','sealed file');
INSERT INTO deliveries VALUES(3,3,1,1,1796055153,1798647153,'6bc40ab2-7199-4803-94b3-7f71600d8528','renewing file');
CREATE TABLE holders (
  credential INTEGER NOT NULL REFERENCES credentials(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  -- The version lives on though this holder lost the level: somebody decided so.
  kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0,1)),
  PRIMARY KEY (credential, user)
) STRICT, WITHOUT ROWID;
INSERT INTO holders VALUES(1,3,1796055153,0);
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
INSERT INTO row_digests VALUES('clusters 0','clusters','1','c849e058d9d7d8cd89f4c3f2c79cf7725a702ca2f6b6f68abc931074bb19b56d');
INSERT INTO row_digests VALUES('clusters 0','credentials','1','0223bb81bbacd27d6024febea4846c5badd8f06323736e7a535b28ec1fb687a5');
INSERT INTO row_digests VALUES('clusters 0','deliveries','1','9a6ff551f7825291658b05e96f6047cda99bdeedd07dcdd7d79a038ebbdf24fa');
INSERT INTO row_digests VALUES('clusters 0','grants','1','0570ce4c1fc85d58248637f0401fea496ade7e856252852b034152d5df2176d2');
INSERT INTO row_digests VALUES('clusters 0','holders','1','7ff5bc3dc98943e44760d3349a1cda45945429f6dca1af46b1c902a805e88ab4');
INSERT INTO row_digests VALUES('clusters 0','issuers','1','c7399d6b9cb450e5b9e7b96be4b7f71b404596363fa534bc59720d11dcd249dc');
INSERT INTO row_digests VALUES('organization','admins','','6b2be35ca18c2d05ec9e67d966a5bf3d0a9986878cea54991417a4f9fa2660d7');
INSERT INTO row_digests VALUES('organization','all clusters','','95a18de6ea0d2d7eb14ca2d7d66690be41c881cbce9bd6045ca2d154f0f31311');
INSERT INTO row_digests VALUES('organization','meta','','2121c7fc22c364990f08108df7253986faa1cf7b613209d2f6a45bcdd4cba5a2');
INSERT INTO row_digests VALUES('organization','projects','','ec6a09165fd3a65030ee953fde9525be1e6eea2eec1b3c237571f38553cfe97d');
INSERT INTO row_digests VALUES('organization','schema','','bdb177a8d1f479c6388cdfe475298e49eaa06a38ef4fb27d94e31008a14c523d');
INSERT INTO row_digests VALUES('projects 0','project_members','1','ffbba52a991ad68d01e6b4192efd0e152d01fa462e10093dfd7fe9df148197a1');
INSERT INTO row_digests VALUES('users 0','credentials of user','1','cb15e11c7d806a43256ca5861778bbfe42cf201e24044c8c8619e3f849a68a09');
INSERT INTO row_digests VALUES('users 0','credentials of user','2','8151d48c4bc902cede41d8aa4fbd96d5eaa690ff8577bf27aa4c6372fe96c885');
INSERT INTO row_digests VALUES('users 0','deliveries of user','1','076d6bf4a66d92466e1da5ab0d67c2beb7dfe7779b720cc22c72921df365c337');
INSERT INTO row_digests VALUES('users 0','deliveries of user','2','8a304fbc3dbf9082fb472d1deba8a5fd2a9d0145e5fcfa9adc52a1632203f12c');
INSERT INTO row_digests VALUES('users 0','deliveries of user','3','879acb28ce5be59e8c4f6e8706499f825bbff4361193487d547942f424114881');
INSERT INTO row_digests VALUES('users 0','grants of user','2','33565aba57b98241fb1581a4658a8c25c2c9f15af71b2c41f0c4cd71d44d39d4');
INSERT INTO row_digests VALUES('users 0','holders of user','3','19105137ee767dc54cee4e1e4ba74130c22854edcc990009e3fe7b8eabe1fe81');
INSERT INTO row_digests VALUES('users 0','projects of user','3','6f2011cb302d5b3c51b548f5679eb5614cdf9f87f888e88c78fade68e549f2db');
INSERT INTO row_digests VALUES('users 0','users','1','4279fc023a700e52e0b411eee8bacaf95de3494b12d13580ae61e66a63402f91');
INSERT INTO row_digests VALUES('users 0','users','2','2ef938ee4d21899876c82373f58132bc956e4b3f10a1ea5a6a7449810bd7f91c');
INSERT INTO row_digests VALUES('users 0','users','3','fba3fa3d5985f63d1d3c87059ff98f795019db7d421724c7c8b5ccfb9ce534b0');
CREATE TABLE group_digests (
  name TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO group_digests VALUES('clusters 0','949736d72b60a35e0200286f496928183c36ca326f13e516d5648c6bf05a7339');
INSERT INTO group_digests VALUES('organization','b6d8b7b892822886c14fdfc62f9bc8e2fd2cea722068e3428a208377316a50b4');
INSERT INTO group_digests VALUES('projects 0','95448441304834636a9ede2e7ff136e50df6a3d2d257186722b34ed52bc7eeaf');
INSERT INTO group_digests VALUES('users 0','1ad4c46e7b881cac1d6ef53408ef491c3ec7a3dc0f2cb16539617fcfd03cfa47');
CREATE TABLE issuers (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  account TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('token','secret')),
  generation INTEGER NOT NULL,
  secret BLOB NOT NULL,
  expires_at INTEGER
) STRICT;
INSERT INTO issuers VALUES(1,'kubegrant-issuer-f692e1f3','token',1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e205832353531392049546141726a736a4d4c754578714d464d38357763775a657569414d3231756b634c6f51793036547477770a344b6748584f6744467539517466356e6c45795349386e54534243775251717433584343434543315144590a2d3e202d612830286177252d67726561736520244e79495f7b2f20784f640a36447856786f544a794d587363756f7979724e6a6c34714b6e45726d4b732b63774f6570475671424670705755506d53515678332f4b314658424b342f7049540a68434f54305a5a6e504e4f5534446e6431652b7050796a4e4542346c2b2b43395a5475666b587166794d6d6a4534583449670a2d2d2d2044492f495137736f5656572f6d595453306758756f75447934377156334a5132526b744c753542394244510a8fac321e369cdd44e0695d5e260f59fa05b2a7772a406398a538b6808c6e9f8bd6ba1ab710d142b409f7ca564ee30d458bbff7af79533ff59c09819897ac09e6367b2f26e550ce6874bbd92e1eb1417fb5c7712cb2baabeba4b222bcdaa6e1dabfea956180fe968e0d33a4172b6ff82ed0b20673f6e7e2e130b2704bd00657b464a0318bc3cb8ad537ec3d323e26c8c5e7dd00e75cc9aa0d960f03573122f07d037dfa115e564dbc1475c72ba5e912affcdf11fce160797a32ec8344260ae0a9afb97eb951a2d50fa12f8263f7d3a20096e3ff5ff5e11e1091892f5913cc427a61633b319530450b2f8e814c95a6a66acf5aef1634573475382b035815923124cc6700581dd80e93baa126995f9c3f66c0cd74cfbe70695e764aa54bedb4f5214c206242fd8a0df59fc41fcae7cd42978b585b78ce591ad2b3e132ec2729f5132f7f2bce9fb4d592c6724b756e8ae29d467580384d2f9c2c7e89b82ab7bad340005dc47d3a19569c8853ebe7d1c42a9189ef30b000afd4ce35c8d20fb074ad20653ad5f0d34e50d352d98e1585e7a3c005496bec6afcb9e8f2df9ce56eb0704966a0dc4e161e7e204ace9b260e0f8e3a7b0c48507fc886092d40c3e1e8317136d387d6f6e222480846ecea3b661287274e5571e7ed23eed57cbfa72d0abee1f1f31c6fefc27b3562f010ee0f1f0219dccd7698e0329905d467b336040bed3a29d51901c53eb1e7a8bb4a9c0863e0179c4713c4677cf70642be0cbc62dae3900c018ab6e5b1b0d5be0b7cbeafbce28056dc2e712d0d953985812ae7b6ab4ed7a52d026762fc0e3c600dcd11c00373f1dff4675a2a5da1927a6471fcc4d5ea2d6b1ea137d69442866bc7f1c6be7b050f6a43fb450772182f9b4ab59f265d502f299be8a1b8a4f48ac20b06680ad72034d1d4df58fb7a0fdc792f272ccb093d74583a2c6aa4b382e13f49954f27b24795c827e2850522ddb74c1ff7dfe2adfffc0e7437ad1174e63f44fd54582cb39a5f9fa547dc8471ded70df0388fa919fd11e7c980198773625d14d4b58ac86386484ae5465c9dbdea4812ab0e1e75cb59a6a8c098e68751a72baca40e1933a9d1e284c239b0fcef41f4ec34cb8611b4344c70332c7781badbb9e4924246e1bcbd5d6d75eb74ea1cf0d64125dc0f8ca439ec095b52bcc4f77d4c6a9d5fdedc9bc3b0cecfb1a02408b7019033e8fb3a33785d69b7617c7a46ef6114a2a85ff3f4cd6c37293f5c797579d2edd72474918930e53b9e69074de3be20000e798a03b221608502733f0394066e23e5ca4c06608d50f13528f8eb18f83d6b51c3d2689550260c913fd4c3cfbcb0cbae147303b9e104a8531658b4ab607e09208e2fa44992a9e2acd4dfc75d2df91aa70a4f22f10a76bfa73b8734c9bfff2bb1bf80d708c596447581b146a1fb9fefaf203f25e5ad7b2b6e56349ff3fb68e860509ef09e596732ea2e7e6385fed9604cee37ba66c9a0bd9c7a961c3916e5427f3e8575393128991e918f31cd7ae4d79f3076092b435ac0a2256232b149518bbb3587de08aeae16049162909c15f270cbaa90e2a9c4ddc34bc0c35f7e3a62c06b56698a5935306ee679d20b76b75e94a772af8af60e0dc71bdc12ddd525a5b8ca5f',2111415153);
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
PRAGMA application_id=1801940596;
PRAGMA user_version=10;
COMMIT;
