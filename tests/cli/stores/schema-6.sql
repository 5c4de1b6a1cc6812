PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO "audit" VALUES(1,1795912801,'olivia',NULL,'init','done',NULL,'olivia','organization ''Acme'' with owner ''olivia''',NULL,'kubegrant audit v1','929bdddafc706a451261dff86b6b4cfffa06403a8d02b5bd6ab1368409896836','93925201eaf1084cead62515298b52ad0332243610379e87226187baec95a1d8');
INSERT INTO "audit" VALUES(2,1795912801,'olivia',NULL,'user add','done',NULL,'alice','user ''alice'' added as developer',NULL,'929bdddafc706a451261dff86b6b4cfffa06403a8d02b5bd6ab1368409896836','5e9a667aad99cf8aa3838f802da77b8d16b77d9871287c6ae409db6bc0ab5ff0','47b3d2df824cc0c614394752d212a2e7adb44c18de95b4efef8309aaa1dd1532');
INSERT INTO "audit" VALUES(3,1795912801,'olivia',NULL,'user add','done',NULL,'bob','user ''bob'' added as developer',NULL,'5e9a667aad99cf8aa3838f802da77b8d16b77d9871287c6ae409db6bc0ab5ff0','9bc0d57a08f9ecb4e27ac277846e4f212834b3ca8a013b021f8c1a86bcb559a5','87c57302551d8d79bc60ac1de2fbfcc3279943a916a16a421f2752bb48c25f04');
INSERT INTO "audit" VALUES(4,1795912801,'olivia',NULL,'user add','done',NULL,'carol','user ''carol'' added as developer',NULL,'9bc0d57a08f9ecb4e27ac277846e4f212834b3ca8a013b021f8c1a86bcb559a5','13ed702159413c9c140112bb41c1ac60fb4934da4d83ca14aeb616104ca7b0cd','9ab1a635870461ff44d5afdf83cee780f2dab41728dd5ce59312a1f908a3b0df');
INSERT INTO "audit" VALUES(5,1795912801,'olivia',NULL,'cluster add','requested','prod',NULL,'register https://127.0.0.1:46087 (v1.36.0+sandbox)',NULL,'13ed702159413c9c140112bb41c1ac60fb4934da4d83ca14aeb616104ca7b0cd','abc71f328435655fdf47b95571fe49c9c6b32304e90034f216f2c3b3b7168410','9ab1a635870461ff44d5afdf83cee780f2dab41728dd5ce59312a1f908a3b0df');
INSERT INTO "audit" VALUES(6,1795912801,'olivia',NULL,'cluster add','done','prod',NULL,'register https://127.0.0.1:46087 (v1.36.0+sandbox)',5,'abc71f328435655fdf47b95571fe49c9c6b32304e90034f216f2c3b3b7168410','9dbde982cec62fb155ea6192e46919e90e82f7546bdb33fedfb2241f91b8896b','bdabf85bde79582c6712d071c29646a157b4447c52737549c9053f0569c23ad4');
INSERT INTO "audit" VALUES(7,1795912801,'olivia',NULL,'cluster add','done','prod',NULL,'older logins of the manager are gone',NULL,'9dbde982cec62fb155ea6192e46919e90e82f7546bdb33fedfb2241f91b8896b','9f71cba886cd46d2873c75b83c2005a575af685512b50695533d1076e503ed58','db427953b5ef8372d12ae21c80ea81459910e425ac782096a1e66dd175050fea');
INSERT INTO "audit" VALUES(8,1795912801,'olivia',NULL,'project create','done',NULL,NULL,'project ''shop'' made',NULL,'9f71cba886cd46d2873c75b83c2005a575af685512b50695533d1076e503ed58','14b34f743a1d31b2340555529ffba8ff3e6ae30ea5b840bfb338715c7a120698','5b97451b5963499ef2d5bf9392df9b88c15da73b929d6229e33d361aa78a0b79');
INSERT INTO "audit" VALUES(9,1795912801,'olivia',NULL,'cluster set','requested','prod',NULL,'project: shop',NULL,'14b34f743a1d31b2340555529ffba8ff3e6ae30ea5b840bfb338715c7a120698','8e9621bd2d8b2dc389510d267a047bbe92ebddc0eacd6aefa0083eac78d0fdfc','63fa364c62ec6dfb387d8c3b8c31e23a602b8324d26fb2c12c63afedc84a6f96');
INSERT INTO "audit" VALUES(10,1795912801,'olivia',NULL,'cluster set','done','prod',NULL,'project: shop',9,'8e9621bd2d8b2dc389510d267a047bbe92ebddc0eacd6aefa0083eac78d0fdfc','68a90649d57241f2384c59711bfbca9e860f02e36abd6244c2a551ec15931fcf','63fa364c62ec6dfb387d8c3b8c31e23a602b8324d26fb2c12c63afedc84a6f96');
INSERT INTO "audit" VALUES(11,1795912801,'olivia',NULL,'project add-member','done',NULL,'bob','''bob'' is editor of project ''shop''',NULL,'68a90649d57241f2384c59711bfbca9e860f02e36abd6244c2a551ec15931fcf','38cd6fae20bc4a001964e30cde70da39fa76ce46765ca296af6dff493978b49a','892bd625e17ebf43291a43708f6bde886ca2bc4bef0317d121d2aa798ce74205');
INSERT INTO "audit" VALUES(12,1795912801,'olivia',NULL,'access grant','requested','prod','carol','read for ''carol''',NULL,'38cd6fae20bc4a001964e30cde70da39fa76ce46765ca296af6dff493978b49a','b009322bd295e42b81b0ee7642defdc179a296bd0d547d3e6f679528b66b753b','c82a8d959382a6bf50561b85b89cf2474c330eb33db57796bc3347fc1cdb4749');
INSERT INTO "audit" VALUES(13,1795912801,'olivia',NULL,'access grant','done','prod','carol','read for ''carol''',12,'b009322bd295e42b81b0ee7642defdc179a296bd0d547d3e6f679528b66b753b','7f2e7b15f0c170a1a1c52c842184952e6368eaab1c7a593c808b1709f031f8ed','c82a8d959382a6bf50561b85b89cf2474c330eb33db57796bc3347fc1cdb4749');
INSERT INTO "audit" VALUES(14,1795912802,'olivia',NULL,'kubeconfig download','requested','prod','carol','kubeconfig of ''carol''',NULL,'7f2e7b15f0c170a1a1c52c842184952e6368eaab1c7a593c808b1709f031f8ed','788f0d83a7d9eee478baa1a6d1939ba2742d7e692091e3769a4322103d4c75f2','c82a8d959382a6bf50561b85b89cf2474c330eb33db57796bc3347fc1cdb4749');
INSERT INTO "audit" VALUES(15,1795912802,'olivia',NULL,'kubeconfig download','requested','prod','carol','version 1 of ''carol'' (read)',14,'788f0d83a7d9eee478baa1a6d1939ba2742d7e692091e3769a4322103d4c75f2','917237c81097288fab81536ed75dbefad71dd6ff8e918ee1aad8af8babb448a0','f5f224a6b44e40510fe96cc2549ccea0c3da2c44fd133009dca7dbe464d4517c');
INSERT INTO "audit" VALUES(16,1795912802,'olivia',NULL,'kubeconfig download','done','prod','carol','version 1 of ''carol'' is on the cluster',14,'917237c81097288fab81536ed75dbefad71dd6ff8e918ee1aad8af8babb448a0','5f421901acb90f668b4ef1f73826670e67ac166f408d851d972581625f815e75','3b3276b7aa6b8280ad882f76ff9ea842e9f8979ec84b865b5c3a28380e134816');
INSERT INTO "audit" VALUES(17,1795912802,'olivia',NULL,'kubeconfig download','requested','prod','carol','a token for version 1 of ''carol'', until 2026-12-29T00:40:02Z',14,'5f421901acb90f668b4ef1f73826670e67ac166f408d851d972581625f815e75','72bc1f1572e7597624b68add6da47c8ca0d97ff0370c8e3248d215599bb66782','e384979867420e5ac93e44ed73600936f9a960a1eb6e47f8234628e3c79eed47');
INSERT INTO "audit" VALUES(18,1795912802,'olivia',NULL,'kubeconfig download','done','prod','carol','version 1 of ''carol'' handed over (sealed file), ends 2026-12-29T00:40:02Z',14,'72bc1f1572e7597624b68add6da47c8ca0d97ff0370c8e3248d215599bb66782','65030fde3920edeaa77161997e37689324755aed1d7eb339108a830bd388f6e3','1392dc2d411709ff554b18dfb726d391d9ff5ff014a3b2829dec4ad0525fc84b');
INSERT INTO "audit" VALUES(19,1795912802,'olivia',NULL,'kubeconfig download','requested','prod','shop/admin','kubeconfig of ''shop/admin''',NULL,'65030fde3920edeaa77161997e37689324755aed1d7eb339108a830bd388f6e3','e599ad5c00df7f277f719f02e668ff8b3756fb65da99a47c85e4c8d4d73d5159','1392dc2d411709ff554b18dfb726d391d9ff5ff014a3b2829dec4ad0525fc84b');
INSERT INTO "audit" VALUES(20,1795912802,'olivia',NULL,'kubeconfig download','requested','prod','shop/admin','version 1 of ''shop/admin'' (full)',19,'e599ad5c00df7f277f719f02e668ff8b3756fb65da99a47c85e4c8d4d73d5159','7b99c326ac09ded3914b19bdcae27ca10e8ce38104a9fa6497431c1de4a419b4','98ab5637b35d56c3dfeb835d4bac42e33122b42db453f03973bb6e386c6195c3');
INSERT INTO "audit" VALUES(21,1795912802,'olivia',NULL,'kubeconfig download','done','prod','shop/admin','version 1 of ''shop/admin'' is on the cluster',19,'7b99c326ac09ded3914b19bdcae27ca10e8ce38104a9fa6497431c1de4a419b4','fa6e524e0ad1a30baf86c9134bc324b7e85af449b264c60b516c004c7ef8ebf5','68f82d4791f4812d2742c0d206d031fbb9d381dc7af622e5874d0eb91e4fbaa7');
INSERT INTO "audit" VALUES(22,1795912802,'olivia',NULL,'kubeconfig download','requested','prod','shop/admin','a token for version 1 of ''shop/admin'', until 2026-12-29T00:40:02Z',19,'fa6e524e0ad1a30baf86c9134bc324b7e85af449b264c60b516c004c7ef8ebf5','91c72147f1c1b6c16ac1b6d52736ad9a4d876ef04dd820bbbd9972dd903c71f9','f2d955da5a292fd18636d51ecfcb88c8df20ee566e96be8706515f08a8cea436');
INSERT INTO "audit" VALUES(23,1795912802,'olivia',NULL,'kubeconfig download','done','prod','shop/admin','version 1 of ''shop/admin'' handed over to ''bob'' (sealed file), ends 2026-12-29T00:40:02Z',19,'91c72147f1c1b6c16ac1b6d52736ad9a4d876ef04dd820bbbd9972dd903c71f9','ddbbf13a3a460e9fb1d4bd18cb1228d2ea6bae8d019d8d495dca01fe4d64b1c4','dc6630046ca3947d1062d5c5921aa51b09bc5823776ed50309f3d3fdfbda6d35');
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
CREATE TABLE blocks (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  by_user INTEGER NOT NULL REFERENCES users(id),
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (cluster, user)
) STRICT;
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
, project INTEGER REFERENCES projects(id), orphans_owed INTEGER NOT NULL DEFAULT 0 CHECK (orphans_owed IN (0,1)), included TEXT NOT NULL DEFAULT '[]', write_allow TEXT NOT NULL DEFAULT '[]', former_managers TEXT NOT NULL DEFAULT '[]', accounts_rotated_at INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "clusters" VALUES(1,'prod','active',0,2,'','{}','https://127.0.0.1:46087','-----BEGIN CERTIFICATE-----
MIIBbzCCARSgAwIBAgIUIcASLgEu3XBPCLnVITH7GgfuXNMwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKc2FuZGJveC1jYTAeFw0yNjExMjgwMDAwMDBaFw0zNjExMjYw
MDAwMDBaMBUxEzARBgNVBAMMCnNhbmRib3gtY2EwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASPs8H73vAEnOXot1oraa+uK3TbKEz+qL4fQxy1CFQjdo1dV1le0i83
RVqqzKSGSeXlplo5zv/+OHE4UKahJgXso0IwQDAOBgNVHQ8BAf8EBAMCAoQwHQYD
VR0OBBYEFDv1wecbtMdSo5Q/qYs22d2Z/wDpMA8GA1UdEwEB/wQFMAMBAf8wCgYI
KoZIzj0EAwIDSQAwRgIhAJtnEvE91OCmX7dZYhEWIGtGkA5cmYyZp8LujniWMjXm
AiEAzA9/splGh6fs3RZrZB132Kk0CbbVOPErLpvoXVwJvho=
-----END CERTIFICATE-----
',NULL,NULL,'a4b6b771-41ac-44bf-9903-d940d2596fd8','v1.36.0+sandbox','kubegrant-manager','token',1,X'6167652D656E6372797074696F6E2E6F72672F76310A2D3E205832353531392057366334587953715A4F4C6B456D3855517942506D70493753362B33452F3030494C547A6F6956356F6A6F0A726E5955697853756F4D6232772F374A7A69515739656736356F623737556576484B5542613847662B7A550A2D3E207373682D6564323535313920764351335377206874786F79565377503638326B3633793161352F4C703950766C74353656642B77656E74322F48664930670A4467616C494F4770357A2F5565794735797348647230626F4D6B6E6E7252543971434258486246535246670A2D3E205C3A48566D584C382D6772656173652066204A633A3D20373048447735204C6C337A0A32555A6439685757713841477A306A4452496539684F435A364975736966392F6C77505279554E4E507A353044476C376B7551756E326D6437436735344B61520A4B77434A5A4D766735503464356E68385A4F6D434864532B4F56624A6C4543474542664C6F36637578616656445856664B4338443951415A4A670A2D2D2D206C5673384B6F774F42683451714E7564326B6C784A774250673461755077685473477465734C41747665490A3F7BC20EE5C26416FFB6F29AC207E365AED58107E8A1093EA429A6127BD4ECB9D99A475C37199F1139B67B1B4690C5283962C598954CEFC336FC0283CBD10B69084B04F67DBA6D39048D62EFADB56801C2E95131A04A99FA8480DE5B8EC1C396036978527D92C7EFAFD2F8278C7444A5855B3B95FA25E52C252A53B262E2E19597F2A07052D657D070808294A134070F87ECA1C1277616CF8C51EB958BE90A71160C98FEC29474BF2FF8094457AD039A0A0A57676AC55DB72C820E2E3C5AFD253AA28D37886099690F94222EFB3A4FC5181A49A67E3BA21199FEDAF9B0CF2CFEE816099848E82E2D8AC994E786A1544E611369BC889C69272243C0AD3F0A45BE8BB6387FB697DD998847E5F56714261428FC85E44E3B6DF8A4268EC131557F00EDB7BE8A10F8BCA950E004E5D98EC8778C03086546EC9651DF25E23B982D46B406FAFC94E67D25E14D593999BC0B17E918A7975B63C5DE1507522A75D018EC4D2F7089796DB4BBD10711F5C40A498B7DB96599D47D2AB83D003CC00ABF5BBD57DA272327DBB595411E73053417C43C53742D5CD7551B4F6CB7A94AF697D1AD4873EBB9497C401E247CEB43C1B5E4FA2B2FA4D95D7F268A08CB32A9D2FC7ED15AB49F93E4C8032056F3AA53107C9F84E19BB10683805BE79B565A138601E632FAF5EDCE1C68F85E6669276E6FF9491026AB7E2852B7EB98B5356F112DA622B44278B0080085CD85C12EB9AD6B6FCFCEDA06782287D2E072FBBCC77E524C7A86FDF846D1992FA48BD58F100EA1ADFC3D7EEDF5582B87B9F52BB478EDF5868524BA41CDA216917C8C9480FD037F800890445795B7471A69CA4357710E54342398B622C55C3F446576CA81EC7372AE031190600187E7301486A1DEE91316B56942474D5598721CF349286713F7C7B3CE201C1EB6613EEB980946BAB44C51D888637CC6F7FDFC3C829754ECC9BE7CCF7334ED2E325C031B506F540A4BCDFECAAA0C7D5A38CADCEA11297DE11EA99AD39D06583E2A3E3894C0CF9C7454ED1708837751E54896AB3B3284909A4E8E7491F17AD72E3E3F93E5DBFA40886A1A273785C1012D932E0AE0B175F351CDB7511188E9F7A2BFC106075C10E55EB9B66176D271D02493FF58E42F174D23DE046019C815721238856558BE5D1B5E3B596C850D094D5BA91A1A63885A2F512E2FED349AA15075CDA249E209451A8AFE008E508E10FEFE45716130842BF10D74916055586776361AEF',2111272801,'namespaces','[]',1795912801,1795912802,0,0,NULL,NULL,1,0,'[]','[]','[]',0);
CREATE TABLE "credentials" (
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
INSERT INTO "credentials" VALUES(1,1,'personal',4,NULL,NULL,1,'carol-8b75533b-v1','read','active',NULL,1795912802,1795912802,NULL,NULL,1798504802,NULL);
INSERT INTO "credentials" VALUES(2,1,'shared',NULL,1,'admin',1,'shop-admin-e9edfde9-v1','full','active',NULL,1795912802,1795912802,NULL,NULL,1798504802,NULL);
CREATE TABLE "deliveries" (
  id INTEGER PRIMARY KEY,
  credential INTEGER NOT NULL REFERENCES "credentials"(id),
  to_user INTEGER NOT NULL REFERENCES users(id),
  by_user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  jti TEXT,
  form TEXT NOT NULL
) STRICT;
INSERT INTO "deliveries" VALUES(1,1,4,1,1795912802,1798504802,'df99a97a-263e-4e38-a0d0-41201735b4fa','sealed file');
INSERT INTO "deliveries" VALUES(2,2,3,1,1795912802,1798504802,'ae2a87fa-7f76-4fea-b689-ff5b8cd4bb4d','sealed file');
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
INSERT INTO "grants" VALUES(1,1,4,'read',1795912801,1,NULL,'',NULL);
CREATE TABLE holders (
  credential INTEGER NOT NULL REFERENCES credentials(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  -- The version lives on though this holder lost the level: somebody decided so.
  kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0,1)),
  PRIMARY KEY (credential, user)
) STRICT, WITHOUT ROWID;
INSERT INTO "holders" VALUES(2,3,1795912802,0);
CREATE TABLE meta (
  key TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT;
INSERT INTO "meta" VALUES('organization','Acme');
INSERT INTO "meta" VALUES('installation','0e1755e1');
CREATE TABLE project_members (
  project INTEGER NOT NULL REFERENCES projects(id),
  user INTEGER NOT NULL REFERENCES users(id),
  role TEXT NOT NULL CHECK (role IN ('viewer','editor','owner')),
  added_at INTEGER NOT NULL,
  added_by INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (project, user)
) STRICT, WITHOUT ROWID;
INSERT INTO "project_members" VALUES(1,3,'editor',1795912801,1);
CREATE TABLE projects (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  description TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  created_by INTEGER NOT NULL REFERENCES users(id),
  removed_at INTEGER
) STRICT;
INSERT INTO "projects" VALUES(1,'shop','',1795912801,1,NULL);
CREATE TABLE provider_tokens (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  provider TEXT NOT NULL CHECK (provider IN ('hetzner')),
  secret BLOB NOT NULL,
  generation INTEGER NOT NULL,
  set_at INTEGER NOT NULL,
  set_by INTEGER NOT NULL REFERENCES users(id)
) STRICT;
CREATE TABLE row_digests (
  name TEXT NOT NULL,
  part TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (name, part)
) STRICT, WITHOUT ROWID;
INSERT INTO "row_digests" VALUES('clusters','1','f7ec36507ced35d5c9646654600360c5531152594c03ad4bcee2931da256b5a1');
INSERT INTO "row_digests" VALUES('credentials','1','1fe6ade2474b673fe5f96cc256b6e6b5d23fcc6cc813ed6938656d83e4d8b700');
INSERT INTO "row_digests" VALUES('deliveries','1','199db71c0ad90672cf1745693677ac0afd50be486f9bdf10945d8c8b24933eb7');
INSERT INTO "row_digests" VALUES('grants','1','1c7d63842bdec5fbd2ac15718ccf267b37030b46c5e77db396e6c872f8a79e19');
INSERT INTO "row_digests" VALUES('holders','1','10d7464f294d44d1748afa742b8e80096e3f6f5abfd027407b33fa622c954ddb');
INSERT INTO "row_digests" VALUES('meta','','a18f96a414ce58902d91edc4fcf4338420199f577895d02a8b861332132f8b19');
INSERT INTO "row_digests" VALUES('project_members','1','4a0764a17b36030ba73d9b5e7787fb6cc9390b4e186fe13ac04f2ce3b2fb7df6');
INSERT INTO "row_digests" VALUES('projects','','ec6a09165fd3a65030ee953fde9525be1e6eea2eec1b3c237571f38553cfe97d');
INSERT INTO "row_digests" VALUES('schema','','7480f63981d58c113fb846ce24197703dc00ddf6707c24c4ac19c9117d3f4286');
INSERT INTO "row_digests" VALUES('users','1','03353e8a66365c01964c14ee90bf81f5f253eac29704e19f0bb413f3dbe2e9a7');
INSERT INTO "row_digests" VALUES('users','2','a3455d4a64616edca3575089337872a13f5a94078703afcb502b68ed26a5d53c');
INSERT INTO "row_digests" VALUES('users','3','adbedebceb4c53bc36cdaca6a2a2e47cb53d3f84e230991278d9e1610c96691d');
INSERT INTO "row_digests" VALUES('users','4','7d0dba8e8a22f006f9692417998f5dc4b91c6229b8c52c615033525bf0281636');
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
CREATE TABLE ssh_key_recipients (
  key INTEGER NOT NULL REFERENCES ssh_keys(id),
  user INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (key, user)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE ssh_nodes_left_out (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  node TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (cluster, node)
) STRICT, WITHOUT ROWID;
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  email TEXT UNIQUE COLLATE NOCASE,
  role TEXT NOT NULL CHECK (role IN ('developer','admin','owner')),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0,1)),
  key TEXT UNIQUE,
  created_at INTEGER NOT NULL
, key_set_at INTEGER, key_set_by INTEGER REFERENCES users(id)) STRICT;
INSERT INTO "users" VALUES(1,'olivia',NULL,'owner',1,'age1lyj23dslhfescasu5uu6pxzywhf7x6pqrcntmtcrd7df6quz4qes4nqez0',1795912801,NULL,NULL);
INSERT INTO "users" VALUES(2,'alice',NULL,'developer',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA9NgRdYjx89OUclmdUQxhya1pNe6DRh2uICDt1BA8hJ',1795912801,NULL,NULL);
INSERT INTO "users" VALUES(3,'bob',NULL,'developer',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBnBVKWlpl7jimK5uqgBxrJOwrvNkW/8MO3TbvBNVGga',1795912801,NULL,NULL);
INSERT INTO "users" VALUES(4,'carol',NULL,'developer',1,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICnwHn0RqUk4HGPcPLRPBe7U5jZkpf1o+Dsiqrxhyvcd',1795912801,NULL,NULL);
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
CREATE INDEX credentials_unfinished ON credentials (cluster) WHERE state <> 'revoked';
CREATE INDEX deliveries_by_recipient ON deliveries (to_user);
COMMIT;
PRAGMA application_id=1801940596;
PRAGMA user_version=6;
