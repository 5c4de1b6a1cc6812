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
INSERT INTO "audit" VALUES(1,1795969605,'olivia',NULL,'init','done',NULL,'olivia','organization ''Acme'' with owner ''olivia''',NULL,'kubegrant audit v1','39a5c2e07a02da943297250df3794900cb5bc78c5cf114f52eb99127288e05b5','2a344f3d0c51644e71c3cff66547df9aad7e6a2b75fd482550edf8995bd18ae6');
INSERT INTO "audit" VALUES(2,1795969605,'olivia',NULL,'user add','done',NULL,'alice','user ''alice'' added as developer',NULL,'39a5c2e07a02da943297250df3794900cb5bc78c5cf114f52eb99127288e05b5','0446148fd7a09fb2a047149dc69d8118138872b45a1d6172072aa08bbb41f1f9','9e9ddebd4ebca4065742bc9666dff7618b247946a54e87630bf1e042cbb90048');
INSERT INTO "audit" VALUES(3,1795969605,'olivia',NULL,'user add','done',NULL,'bob','user ''bob'' added as developer',NULL,'0446148fd7a09fb2a047149dc69d8118138872b45a1d6172072aa08bbb41f1f9','3ad83dddf06a97ffec1741cf0c832c8a756505ed7b0ff44cfa6f2607a1da22e1','c983e8002e43bb37f0081e5728794e00fb326fe4a07c09f4b24925d8f28dc372');
INSERT INTO "audit" VALUES(4,1795969605,'olivia',NULL,'user add','done',NULL,'carol','user ''carol'' added as developer',NULL,'3ad83dddf06a97ffec1741cf0c832c8a756505ed7b0ff44cfa6f2607a1da22e1','fbbd68d242cf6efe515107869145f7f443322586039f4f04541396fc4552cc4c','a8e08ac5cb92ace809c460dd1162751d6c970031aae2c596efd5085619b0bece');
INSERT INTO "audit" VALUES(5,1795969605,'olivia',NULL,'user set-role','requested',NULL,'carol','role of ''carol'' from developer to admin',NULL,'fbbd68d242cf6efe515107869145f7f443322586039f4f04541396fc4552cc4c','0b72cb9801011a9ace58d7013f31dd5c5c58608e88d988413fcd5a721992eaf4','de7d657f3118539c7e9b7c9aacd42c8616c8f74de2bce360c7798723c818f601');
INSERT INTO "audit" VALUES(6,1795969605,'olivia',NULL,'user set-role','done',NULL,'carol','role of ''carol'' from developer to admin',5,'0b72cb9801011a9ace58d7013f31dd5c5c58608e88d988413fcd5a721992eaf4','426ad47504c64ea25016b3b8ffcc75affa3c55a6f06a2edb112f9d8986c272c2','de7d657f3118539c7e9b7c9aacd42c8616c8f74de2bce360c7798723c818f601');
INSERT INTO "audit" VALUES(7,1795969605,'olivia',NULL,'cluster add','requested','prod',NULL,'register https://127.0.0.1:43813 (v1.36.0+sandbox)',NULL,'426ad47504c64ea25016b3b8ffcc75affa3c55a6f06a2edb112f9d8986c272c2','1c0d52384d3a0051b77889220af3e2f1c2551e1ddc214e57a7527344f51702ba','de7d657f3118539c7e9b7c9aacd42c8616c8f74de2bce360c7798723c818f601');
INSERT INTO "audit" VALUES(8,1795969605,'olivia',NULL,'cluster add','done','prod',NULL,'register https://127.0.0.1:43813 (v1.36.0+sandbox)',7,'1c0d52384d3a0051b77889220af3e2f1c2551e1ddc214e57a7527344f51702ba','2662000297bf59c6a3f3dd181f2a2c6376be32cdb43e239c8877ae30830596ca','efdd2168da2d6a614195771ea32d6ed4e02be25f3093cedac91831e8e74a23ea');
INSERT INTO "audit" VALUES(9,1795969605,'olivia',NULL,'cluster add','done','prod',NULL,'older logins of the manager are gone',NULL,'2662000297bf59c6a3f3dd181f2a2c6376be32cdb43e239c8877ae30830596ca','86e889445c1719d5157ad0a5f188d563aa0fab986a1ca384eb95fcca3cf4ac85','a9382c4c9ce5ceeda43c5313c41e66e07016f05f59b887a7a173e4680d3abe93');
INSERT INTO "audit" VALUES(10,1795969605,'olivia',NULL,'access grant','requested','prod','alice','read for ''alice''',NULL,'86e889445c1719d5157ad0a5f188d563aa0fab986a1ca384eb95fcca3cf4ac85','879ec76a51ef1ae3b13fd23dd31998821ef0de7ed4eaad5d93ae80d75e8e3cb7','cc709c6fae1e338ca477652c2daa07a1fff17e46147187b0e2999e4eb861dff7');
INSERT INTO "audit" VALUES(11,1795969605,'olivia',NULL,'access grant','done','prod','alice','read for ''alice''',10,'879ec76a51ef1ae3b13fd23dd31998821ef0de7ed4eaad5d93ae80d75e8e3cb7','354bf0e210cf14ab8d2ba15263617e34325d862e52deae0f3509c85c8e04cf15','cc709c6fae1e338ca477652c2daa07a1fff17e46147187b0e2999e4eb861dff7');
INSERT INTO "audit" VALUES(12,1795969605,'olivia',NULL,'kubeconfig download','requested','prod','alice','kubeconfig of ''alice''',NULL,'354bf0e210cf14ab8d2ba15263617e34325d862e52deae0f3509c85c8e04cf15','21c58bc56af9de9c1ee3063e2d7010558741aad4414e7be588ebc7eaf8eaa397','cc709c6fae1e338ca477652c2daa07a1fff17e46147187b0e2999e4eb861dff7');
INSERT INTO "audit" VALUES(13,1795969605,'olivia',NULL,'kubeconfig download','requested','prod','alice','version 1 of ''alice'' (read)',12,'21c58bc56af9de9c1ee3063e2d7010558741aad4414e7be588ebc7eaf8eaa397','9816c8168521ffb4981071f3ee9cd51894cbff57956c731db5f166bedf586fa4','616e80e9ae9f3d574a35e0be789601703c070e5931099588fa4688678bcbb975');
INSERT INTO "audit" VALUES(14,1795969605,'olivia',NULL,'kubeconfig download','done','prod','alice','version 1 of ''alice'' is on the cluster',12,'9816c8168521ffb4981071f3ee9cd51894cbff57956c731db5f166bedf586fa4','f13fd4e319fe43a33b782dd284ae6919b8a16798e60c65be49053b3a4dd5e6b2','4e7bae019155fe9941878312939b0a882080508c89180cae7217e4a908b14f4a');
INSERT INTO "audit" VALUES(15,1795969605,'olivia',NULL,'kubeconfig download','requested','prod','alice','a token for version 1 of ''alice'', until 2026-12-29T16:26:45Z',12,'f13fd4e319fe43a33b782dd284ae6919b8a16798e60c65be49053b3a4dd5e6b2','72d309630caddedea1a9b18113fdd19e83fb77b7c776e34fc770c270f8864a54','34b24e872f4ea83274b1e5b3d51ab58685589059eb29a05327f8dc2c06cfe66a');
INSERT INTO "audit" VALUES(16,1795969605,'olivia',NULL,'kubeconfig download','done','prod','alice','version 1 of ''alice'' handed over (stdout), ends 2026-12-29T16:26:45Z',12,'72d309630caddedea1a9b18113fdd19e83fb77b7c776e34fc770c270f8864a54','f466c8827aa4d4e2e19f4db5132c606334dbc3a471023be81c5b8ec122db6cd7','a9b99a425a0a373ef37576711066d7973c629bb8ca6ad215f6236e250b8c8234');
INSERT INTO "audit" VALUES(17,1795969605,'olivia',NULL,'access grant','requested','prod','bob','write for ''bob''',NULL,'f466c8827aa4d4e2e19f4db5132c606334dbc3a471023be81c5b8ec122db6cd7','7a19f0f51e9654ee87a783251350dd3f29afe99dce42f6090724e50f0a73cd1b','f1c343b22d08c6fb40176fb7a487c3b2f52dd526a85744836b443acb03977020');
INSERT INTO "audit" VALUES(18,1795969605,'olivia',NULL,'access grant','done','prod','bob','write for ''bob''',17,'7a19f0f51e9654ee87a783251350dd3f29afe99dce42f6090724e50f0a73cd1b','e3efa89dd6833abfbeeabaf9e44255b2f5b8351c3ca0fb694f2795b733bfbb47','f1c343b22d08c6fb40176fb7a487c3b2f52dd526a85744836b443acb03977020');
INSERT INTO "audit" VALUES(19,1795969606,'olivia',NULL,'team revoke','requested','prod','bob','revoke and block the kubeconfig of ''bob''',NULL,'e3efa89dd6833abfbeeabaf9e44255b2f5b8351c3ca0fb694f2795b733bfbb47','b8bef98af25b44aed47168dde598e677f6dedd41625463a751aeb337d9b53ff3','5004418efb0a14bee9264d17e67c0d3ac723ac7bafeb3b63529db22c3533a8ae');
INSERT INTO "audit" VALUES(20,1795969606,'olivia',NULL,'team revoke','done','prod','bob','revoke and block the kubeconfig of ''bob''',19,'b8bef98af25b44aed47168dde598e677f6dedd41625463a751aeb337d9b53ff3','f10c3b0c1969c6d2d5b51a379b83763e795c29f4e30c2b603556e481fda323c9','5004418efb0a14bee9264d17e67c0d3ac723ac7bafeb3b63529db22c3533a8ae');
INSERT INTO "audit" VALUES(21,1795969606,'olivia',NULL,'project create','done',NULL,NULL,'project ''shop'' made',NULL,'f10c3b0c1969c6d2d5b51a379b83763e795c29f4e30c2b603556e481fda323c9','84f3b3289c4bfeb5a610dad3d9816d17c0b320788e4f47d58ade952ea23f33ab','2df8c7601c99a80727ed032c287caf4b55c054b49db619de2c8cdcccbcaa1528');
INSERT INTO "audit" VALUES(22,1795969606,'olivia',NULL,'cluster set','requested','prod',NULL,'project: shop',NULL,'84f3b3289c4bfeb5a610dad3d9816d17c0b320788e4f47d58ade952ea23f33ab','1d28d5c5ccde1c4fe1dbd37682396dc34b76be8049003c2d308ed0f731e1379d','fd583de9481e07fa7b4f4ab3bae67de288f2a23bcf6c54039e673734924481c0');
INSERT INTO "audit" VALUES(23,1795969606,'olivia',NULL,'cluster set','done','prod',NULL,'project: shop',22,'1d28d5c5ccde1c4fe1dbd37682396dc34b76be8049003c2d308ed0f731e1379d','8b7ae9ec2f1a5090fffb6e4a1eb110af18a1ca371a1cd2e856a4aa77a116a7c6','fd583de9481e07fa7b4f4ab3bae67de288f2a23bcf6c54039e673734924481c0');
INSERT INTO "audit" VALUES(24,1795969606,'olivia',NULL,'project add-member','done',NULL,'alice','''alice'' is viewer of project ''shop''',NULL,'8b7ae9ec2f1a5090fffb6e4a1eb110af18a1ca371a1cd2e856a4aa77a116a7c6','2fe6f140a2fbddcffd91ad3d9b51f407f04770bdc2fe9e9821e61973d0b4c9ad','abe5a6076ddd0a5f406b6da970aa122cad1fe1c7bfb5ddef62592bf534f2cd52');
INSERT INTO "audit" VALUES(25,1795969606,'olivia',NULL,'project add-member','done',NULL,'bob','''bob'' is owner of project ''shop''',NULL,'2fe6f140a2fbddcffd91ad3d9b51f407f04770bdc2fe9e9821e61973d0b4c9ad','ab30dbaabc9815a8ec8d13c0a1cc70fe3190501763b2ae06153f08fcf93d39c2','45de85bc13695228fa6346a90b6855b11f6905f89f7032c43145137196097303');
INSERT INTO "audit" VALUES(26,1795969606,'olivia',NULL,'ssh-key generate','done','prod',NULL,'key SHA256:d0plvJfRSFAoTums4QL2WxuSRdY+y8pD6NN51plhIIs (ed25519)',NULL,'ab30dbaabc9815a8ec8d13c0a1cc70fe3190501763b2ae06153f08fcf93d39c2','be0eb1821a8ca6eaaca57b7e2c52f606b81496e2437d6b82b98fe64162f6a1cd','df8f1b868bd58e45ee5f37d9ea554b587176ba17f78accc51a2032bac3968946');
INSERT INTO "audit" VALUES(27,1795969606,'olivia',NULL,'rbac bind','requested','prod','alice','ClusterRole ''view'' cluster-wide for ''alice''',NULL,'be0eb1821a8ca6eaaca57b7e2c52f606b81496e2437d6b82b98fe64162f6a1cd','6501b8f9f7e0510f0756bb3ccef1b89bb549729ff6c1b7327d453b5820455139','625fcefbb6e909acebdb457f7f850f866148ebf53fa4957242e7a862c1612e2e');
INSERT INTO "audit" VALUES(28,1795969606,'olivia',NULL,'rbac bind','done','prod','alice','ClusterRole ''view'' cluster-wide is there, read back from the cluster',27,'6501b8f9f7e0510f0756bb3ccef1b89bb549729ff6c1b7327d453b5820455139','cbdcb44bf16a1c7de27a094143ce1fe1c0129f2eeb2335b4f613213d0447085e','479a88b69ef24652e87f0d633d6f16c7dbadc90fffdead7b783f4413eb3a5d0e');
INSERT INTO "audit" VALUES(29,1795969606,'olivia',NULL,'rbac bind','done','prod','alice','ClusterRole ''view'' cluster-wide for ''alice''',27,'cbdcb44bf16a1c7de27a094143ce1fe1c0129f2eeb2335b4f613213d0447085e','c42de3710112119ed82f131f5e71333c63a568c79c5fac43114592f2b90c5ef7','479a88b69ef24652e87f0d633d6f16c7dbadc90fffdead7b783f4413eb3a5d0e');
INSERT INTO "audit" VALUES(30,1795969606,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','kubeconfig of ''shop/read''',NULL,'c42de3710112119ed82f131f5e71333c63a568c79c5fac43114592f2b90c5ef7','1460244dc4790fb44ad568410766e7d52aa78a278264a27676dda7f485fa4e64','479a88b69ef24652e87f0d633d6f16c7dbadc90fffdead7b783f4413eb3a5d0e');
INSERT INTO "audit" VALUES(31,1795969606,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','version 1 of ''shop/read'' (read)',30,'1460244dc4790fb44ad568410766e7d52aa78a278264a27676dda7f485fa4e64','69830c94583dda2629e8dd457833af02c5f0ee44cb267a7998c61ea8d2267578','0fb08498683b0a838b4767a9575ee1ab9a2b552fccd273e949054f1f41c0815a');
INSERT INTO "audit" VALUES(32,1795969606,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' is on the cluster',30,'69830c94583dda2629e8dd457833af02c5f0ee44cb267a7998c61ea8d2267578','fe17ed33023702b602e04b44cd2a42b14a3666ee80f38caaec232d01906be81a','e5a950c3ad8536728465c34a861a31e426aa579e1defcfaa4a9c78f589fc212b');
INSERT INTO "audit" VALUES(33,1795969606,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','a token for version 1 of ''shop/read'', until 2026-12-29T16:26:46Z',30,'fe17ed33023702b602e04b44cd2a42b14a3666ee80f38caaec232d01906be81a','aa8b5ffbec07ecca50561736ab5044b854568a8b6d13814118b25ad8c7e3c190','7a51a9556eb4fed0762a8616672e89f127e25557bf4a6cf0de68d1b784d08d4f');
INSERT INTO "audit" VALUES(34,1795969606,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' handed over to ''alice'' (stdout), ends 2026-12-29T16:26:46Z',30,'aa8b5ffbec07ecca50561736ab5044b854568a8b6d13814118b25ad8c7e3c190','6a07a5bfb5a39546dd14f33aebb2b4122b998420c48e8d12fc7477d0867ad4fe','67d6af1975c16c53dd5f76c26c79f6dbb026592e7d9acacbf5b6443a0b3b1e9d');
INSERT INTO "audit" VALUES(35,1795982212,'kubegrant',NULL,'upgrade','done',NULL,NULL,'schema 8; the records are as they were left; what is guarded from now on was taken as it stood',NULL,'6a07a5bfb5a39546dd14f33aebb2b4122b998420c48e8d12fc7477d0867ad4fe','985b6b0e0ec8e7137ca4c3a0af61826888e86b3751673cd8e430fc387269a2de','b3eb6edf298a4d1acb18b57b823a888aa7fe4751461c5f6fa7dcd1b608dee415');
INSERT INTO "audit" VALUES(36,1795982212,'olivia',NULL,'cluster set','done','prod',NULL,'description: eight',NULL,'985b6b0e0ec8e7137ca4c3a0af61826888e86b3751673cd8e430fc387269a2de','d4df7982efe6256c77c52a755ddeb323ef84ec90cfc8bc2d1fbdcfe5b37975cb','b3eb6edf298a4d1acb18b57b823a888aa7fe4751461c5f6fa7dcd1b608dee415');
INSERT INTO "audit" VALUES(37,1796023807,'kubegrant',NULL,'upgrade','done',NULL,NULL,'schema 9; the records are as they were left; what is guarded from now on was taken as it stood',NULL,'d4df7982efe6256c77c52a755ddeb323ef84ec90cfc8bc2d1fbdcfe5b37975cb','cfdeb94be9bfabfa5c2b21c113a1b801e412e946ff7a3e8ce1a701b51fe92303','7d040e7d9afd61dbdfc03a18f662c11519a945c289233bc319186f656cdd62f1');
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
INSERT INTO "bindings" VALUES(1,1,2,'ClusterRole','view',NULL,1795969606,1,'',NULL,0);
CREATE TABLE blocks (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  by_user INTEGER NOT NULL REFERENCES users(id),
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (cluster, user)
) STRICT;
INSERT INTO "blocks" VALUES(1,3,1795969606,1,'');
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
INSERT INTO "clusters" VALUES(1,'prod','active',0,NULL,'eight','{}','https://127.0.0.1:43813','-----BEGIN CERTIFICATE-----
MIIBbzCCARSgAwIBAgIUEa6jhxjy0Q+BmP71379et0ZmxsEwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKc2FuZGJveC1jYTAeFw0yNjExMjgwMDAwMDBaFw0zNjExMjYw
MDAwMDBaMBUxEzARBgNVBAMMCnNhbmRib3gtY2EwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAT1/kjhVRf/mL7KIOEpFwROexpzl4DGO339iS75unt0FXpduD9+Dsna
OZs0LXcbRMzCx1AFPObgIzJUdWfLmSjGo0IwQDAOBgNVHQ8BAf8EBAMCAoQwHQYD
VR0OBBYEFCU1WKyvaetf1qkJVT3Yttv/TWQEMA8GA1UdEwEB/wQFMAMBAf8wCgYI
KoZIzj0EAwIDSQAwRgIhAKJ6SFKPOcjzWI5AuwhD2S4MZC6f75WjcPg0G1N6fzAQ
AiEAs2aUSNFlhFxUGRRGEClZbkvzX30EeBC2Llm4wIlAZgI=
-----END CERTIFICATE-----
',NULL,NULL,'ec8a6592-26f1-4939-9c50-e42adb68722d','v1.36.0+sandbox','kubegrant-manager-3a911923','token',1,X'6167652D656E6372797074696F6E2E6F72672F76310A2D3E20583235353139204766624C6150543858566634544671646C74754659337669787069434451746B4464476C7857454F6243450A3362396E6C35584837566767634E2F4A4263792F50756C566A745043464474704237472F46474A73526C630A2D3E20712962272D6772656173652050386E755F68462E207B7C6F42503D62322079207A0A2B2F4E644A363859374532333266454239546C6546377757583658553973364178785430324B586C4C5A675A45462F4152684E34715A6B696C52767566346F780A4E7A4D0A2D2D2D202F45774F4568774667584D5349593261626441656D695A662B314F2B735778474B487967357A4C543877450A53D964C847197CAA74631B01177E273F145C7067BD3B61D9F8BFD1256164F11EB15A5A58AD9E5D66CAE7150A5F02A02B357C0A7E023A9239074E8CC506BBB2C797A11E4ADB97A60D232469BA71436F9C1F7317873F6892DBEA29A86725014405F665D7CF97D4A1FEA4E88C07C80C91EEE0867A9F8D2C6ADB20F3E9A0FB42BE38A1F4081FC0A1D77AB7C2EA64D46F7840E0B2F89140A09DB45829C35FAE92FE3979ECE36E863C40D232D76D4B573EBC62C5F21E25A6C5ECA2A5CBAFEC1BEAF145DEB7C54FB3AE2FFE2A4E19D79C9CFC51AE6B74C7FE4C95A53C1C453C78A95B6DA30784A46878928DAE2C04C2B89DFEC01F6CAC799C66787E2C92A856779353CCD35D99C44C3E7528BF7DFC21F83724AF8A147E8EBC04D989B388A204E7FB19EF467DA70D58DD1AC9F1DAF89A98F868FC413254A495AE477EE0B6DC4ED8F9BD9B6DBB8452962F91929EA3CA88838DDFE1258587494AE629C4CBE4792F3670E0CD4DA2968C1943C77D4C00E80FFC0FCFFDDC0A4D68C9330EBB19EDFE9B7F08F8F745F545CEE1CE51F80E20029D8F6FC641ED654E695FC7D50CD29FD18715ED111284740822BAF4D8B6CA7BD563A94A6735E296B41B147B97B3DD2567ECC46F708CE0FD14312F973536075B2D2D5FA6DEF8B3F6736579BDC6824F041D04AA248FE91F943D915D66EDCE0AE0CC690634E14C2089AD7AFEE13C654A06F478FC2E8473BE381FE9D05A63A39A4F380316AA73E64FC31B49F4A79C1096CA67D791213D4290C4156006E2BFA1485E98ACA9B18937EFAE028EAC774F4C31C7AC532E2066AE9DB851277230A0C285BD0A679200FCB5AB6C44FA8F2D9DDC1E5E7ADD0CBC6FCEAE84C5125AA419EEC856CCB56BC573EC5DFA74D92E8A145EF88678C854B42F450E349A441EF1FDC0DA1169F1CB62F81919D72AB8CD4DFFE2BA0E6D6535FCBA04EE8AD8062BFB79312151CAC11255C2C3D2917B8C37EB22CA95CEDC29EC3D720683A0CA309E816AE58BFA101FBB2636A72C2FFB0328191F236010420A80E09D217994044A1863787EA5638E2DE260E002A288274EE3A92540885F96C0343B888E33AE55E357D018FB9262F4CDF5AC98ED89CE05CDA5741C163E10CE1210ED6973B1B06DC6E3C3A8FC8657F728032E71D53F1F9B7864D8745EF8FF61DD0EF82BA5BAF13FA22AE94A69BC10D0E2557DBCD0A47FD9E94556A644B6E21577E1C7880E378ED249C79E5B4271D85AFFFD43E17B7AB3DE6F7A55A3ECE6AC4BACEF149DA6726B2CEC6011452A7E08FA2E39A1E60385094475BAEB9C',2111329605,'namespaces','[]',1795969605,1795969606,0,0,NULL,NULL,1,0,'[]','[]','[]',0,NULL,NULL,NULL,600);
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
  until INTEGER, shard INTEGER NOT NULL DEFAULT 1 CHECK (shard > 0),
  UNIQUE (cluster, account),
  CHECK ((kind = 'shared') = (user IS NULL)),
  CHECK ((kind = 'shared') = (project IS NOT NULL)),
  CHECK ((kind = 'shared') = (level IS NOT NULL)),
  CHECK ((kind = 'shell') = (until IS NOT NULL))
) STRICT;
INSERT INTO "credentials" VALUES(1,1,'personal',2,NULL,NULL,1,'alice-c6fd04bf-v1','read','active',NULL,1795969605,1795969605,NULL,NULL,1798561605,NULL,1);
INSERT INTO "credentials" VALUES(2,1,'shared',NULL,1,'read',1,'shop-read-9680bd87-v1','read','active',NULL,1795969606,1795969606,NULL,NULL,1798561606,NULL,1);
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
INSERT INTO "deliveries" VALUES(1,1,2,1,1795969605,1798561605,'1e2b8177-e692-4e01-bd03-33169a6019a7','stdout');
INSERT INTO "deliveries" VALUES(2,2,2,1,1795969606,1798561606,'b895d2e5-85a6-4103-b303-d12475826190','stdout');
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
INSERT INTO "grants" VALUES(1,1,2,'read',1795969605,1,NULL,'',NULL);
INSERT INTO "grants" VALUES(2,1,3,'write',1795969605,1,NULL,'',NULL);
CREATE TABLE group_digests (
  name TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "group_digests" VALUES('clusters 0','ac2f6619e363c65fe74fa197b5bcee8ae21635c3858e8da1b5ca285fd1aa9ca7');
INSERT INTO "group_digests" VALUES('organization','fb4b9a52eeecfb1d88ca022434d755185961080c9eafee004d338e4763ab0931');
INSERT INTO "group_digests" VALUES('projects 0','1138260701ca0959c50f034603d26067094383c655ea0ada03945c1d1f280ab0');
INSERT INTO "group_digests" VALUES('users 0','0c730f6a2632fb1d9de0783a1341fd8f6be63ac6c7060c8649da4f513bb84d8f');
CREATE TABLE holders (
  credential INTEGER NOT NULL REFERENCES credentials(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  -- The version lives on though this holder lost the level: somebody decided so.
  kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0,1)),
  PRIMARY KEY (credential, user)
) STRICT, WITHOUT ROWID;
INSERT INTO "holders" VALUES(2,2,1795969606,0);
CREATE TABLE meta (
  key TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT;
INSERT INTO "meta" VALUES('organization','Acme');
INSERT INTO "meta" VALUES('installation','7be7bf99');
CREATE TABLE project_members (
  project INTEGER NOT NULL REFERENCES projects(id),
  user INTEGER NOT NULL REFERENCES users(id),
  role TEXT NOT NULL CHECK (role IN ('viewer','editor','owner')),
  added_at INTEGER NOT NULL,
  added_by INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (project, user)
) STRICT, WITHOUT ROWID;
INSERT INTO "project_members" VALUES(1,2,'viewer',1795969606,1);
INSERT INTO "project_members" VALUES(1,3,'owner',1795969606,1);
CREATE TABLE projects (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  description TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  created_by INTEGER NOT NULL REFERENCES users(id),
  removed_at INTEGER
) STRICT;
INSERT INTO "projects" VALUES(1,'shop','',1795969606,1,NULL);
CREATE TABLE provider_tokens (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  provider TEXT NOT NULL CHECK (provider IN ('hetzner')),
  secret BLOB NOT NULL,
  generation INTEGER NOT NULL,
  set_at INTEGER NOT NULL,
  set_by INTEGER NOT NULL REFERENCES users(id)
) STRICT;
CREATE TABLE row_digests (
  gathered TEXT NOT NULL,
  name TEXT NOT NULL,
  part TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (gathered, name, part)
) STRICT, WITHOUT ROWID;
INSERT INTO "row_digests" VALUES('clusters 0','bindings','1','e1e89a4b831f9214faa21499304525d69d940d05ed69e723e6de0492c176dee0');
INSERT INTO "row_digests" VALUES('clusters 0','blocks','1','8f2618a399fbaa01147b59a78558f3a8673b0f77ccd39919124c64b568468c98');
INSERT INTO "row_digests" VALUES('clusters 0','clusters','1','8d383bf7d63d1a723e995e5239a9a037b1e5e35e1c3a44ed62d94249f45789e3');
INSERT INTO "row_digests" VALUES('clusters 0','credentials','1','717af7395d03bf27c5ef165cc627be12ac20ea8c48e00c143d5c555ce1cc63cb');
INSERT INTO "row_digests" VALUES('clusters 0','deliveries','1','39d86ab00ae928c60681c73cb1cf245dc4fb7539cd15ddb9420cb4c38548eae0');
INSERT INTO "row_digests" VALUES('clusters 0','grants','1','6551880ca661794f44abfc9062cac4e5356a9f2577650c9306a9b353556d6069');
INSERT INTO "row_digests" VALUES('clusters 0','holders','1','1549a33049bb27a91868348ee33f537c9aac19c9c45a445a147fc13f00d35c0c');
INSERT INTO "row_digests" VALUES('clusters 0','ssh_keys','1','16edadcc8ccded9d1bccf4d22bd30bcf64a730146ea3a623d3c37860de576899');
INSERT INTO "row_digests" VALUES('organization','admins','','b18378f79b6dc2729e80f915494533a0ed3b7293a44c35b50295691c0fafadd8');
INSERT INTO "row_digests" VALUES('organization','all clusters','','95a18de6ea0d2d7eb14ca2d7d66690be41c881cbce9bd6045ca2d154f0f31311');
INSERT INTO "row_digests" VALUES('organization','meta','','7519e6ffabd3ad90240624c3ebb979a7ad16aa2dbc8aeb5f7ea56a4a69d78592');
INSERT INTO "row_digests" VALUES('organization','projects','','ec6a09165fd3a65030ee953fde9525be1e6eea2eec1b3c237571f38553cfe97d');
INSERT INTO "row_digests" VALUES('organization','schema','','f8e3fd7d6ea6939827dfcd84b008f32035d1c8a08fbadde7d3ca9258bee8bb00');
INSERT INTO "row_digests" VALUES('projects 0','project_members','1','b0fda0e172c2aedc005f816a4c20b781512398e159500cbd1a06b2a8158f958e');
INSERT INTO "row_digests" VALUES('users 0','bindings of user','2','5c4ca846012e4df82fc23b38a3612897f31b13b6efb56cf696cdef4cdf8dbde4');
INSERT INTO "row_digests" VALUES('users 0','blocks of user','3','d11fa97c742e59ff9ed5bed8b3ae3b1a85084d54bb51b1b81f0b66fc2f3d676f');
INSERT INTO "row_digests" VALUES('users 0','credentials of user','2','859ba4debcda185e6ce0de33bfa3853df18c2f4c3cdd94a2e4741187ca88121e');
INSERT INTO "row_digests" VALUES('users 0','deliveries of user','2','610b990e3201a130d1415ca5359ef224b5304c234cf089a0469c77062f844426');
INSERT INTO "row_digests" VALUES('users 0','grants of user','2','33565aba57b98241fb1581a4658a8c25c2c9f15af71b2c41f0c4cd71d44d39d4');
INSERT INTO "row_digests" VALUES('users 0','grants of user','3','a3457a64c5272e10a1209521d8384b7d0a75b4cc8590212181d64f37029f13d2');
INSERT INTO "row_digests" VALUES('users 0','holders of user','2','8a54e221bbd076c47c80700e85b873ee7b036fbb72e189106f3786186d2fbbb5');
INSERT INTO "row_digests" VALUES('users 0','projects of user','2','3e9190fab6a0fd2b1b5b73faf237c47fc8513ae3c2d6570ae84b72003ecd14f3');
INSERT INTO "row_digests" VALUES('users 0','projects of user','3','7159c5f3d33f8c17de35c75268906e15f3e1081764b14a1e804c9c3ac8d29377');
INSERT INTO "row_digests" VALUES('users 0','users','1','42f56eb331862c4e167810afc437b6c846443dfc5a668d1f81924d073f794b37');
INSERT INTO "row_digests" VALUES('users 0','users','2','be8e3bf234aa262a9f93d544609c10acc9b7125144169c2c4a3d11a692dc4901');
INSERT INTO "row_digests" VALUES('users 0','users','3','da9bbae2486f361a53502c43dbb95528c20269b2022c6fd19cfc7145fcc26e55');
INSERT INTO "row_digests" VALUES('users 0','users','4','9d2aedf3588f92d8d81c2fc50e2c6174488804d36e821c7f6b562c72ded6a034');
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
INSERT INTO "ssh_key_recipients" VALUES(1,1);
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
INSERT INTO "ssh_keys" VALUES(1,1,1,'current','available','ed25519','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEq+xQLJSZbYkyhCW9Eo2R8lFmr2FK94HtwJWi8SJowJ kubegrant:prod','SHA256:d0plvJfRSFAoTums4QL2WxuSRdY+y8pD6NN51plhIIs','generated',1795969606,1,X'6167652D656E6372797074696F6E2E6F72672F76310A2D3E2058323535313920316C4D624F654C6F676838374174334F625244355637442B4C70744F5A6449325958614C6B7247786631300A456D3553792F7448427A4F704263754D4B6C774D6565594D64513650796F35612B3478635045446D554B770A2D3E20352C2D677265617365207A48442070745D3F203920473D4D260A7931796C73754A503656662F2B66526472664D47772B6B4177506F686D69766B3934742F7A667752726179577332562F59765261555972474E4333482B3743780A394632460A2D2D2D206A745A6830694C6847444F7769435331706F334A654C57734A564F49683831302B4E5343475648496C33550AB8DF5C5004BDCE2D76E1E8C65AC680E59AF72E7D29EDEA395EFDC72D5AB9A877CC153F86DA2139CCF6E44C285A0F87D3D6A5420728E67DFC940C0D4B45DB4A3BE64A26C59E2FD49BD612883CE3DA9AEC782F160F1CAA37039FF5EFEB53315DFA4FFCB9C10AD94B282287334EC19B13D4A61BFFE0C49E48DBF621DD1FEA4612C4B9662AC4BA837FE80B046A691AD0D45BF37DF31564FE7CA784350FDCC2FB1C1A08B9CCCFA1754BC456C24737CE39C195E9B356C8D45F35FD9BC8252E52D8453F2408A777DD1AB3B68596864377DC49EEE09275A76021E9235FE343B34B18513EB4953A74F838DF8F3718BEF8D4312A0E137EA35D97B7BCB08B1C749B4F36F0A4BE7B7C7D169F37799FD628B080C969CBA84BE3FC885C5E40E15F0B9B22A36C43E2537BED7EC61F71017FF27E5E99E094E7F234257B4D14249278C05CCEDC46F87ACEE367F26E424773FC2BAF58CA88E99391D924EA02E9B67A1A26BA76436D859130C43D4479E62DE303BF1EC13791AE87B2006DE1B41CCB1224099B4A0651383A3BD20E8DD25CCB1FA010D8A81A30DDD3D611066691266BFFACC43C499B786562F04C935DE46F340E6ADC81196A5A7C429172698B0CACB68B44CC4B85DA2A218C6E258DA0973F279CFB896A0ED0E727A151561CC698F330EA0DB41AF816B6AD1DA4FF3CAC6D0611ECFA8C48E266994A345BF8302AE4AE0631459D8AA053F86E85C03B30DB66055B2D8CC2C14E5C9BCEE021D424E37A843F19827C37391A9E4AD678037F6C',NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "users" VALUES(1,'olivia',NULL,'owner',1,'age1qp0wyz4wm4f26llkv49r7eh7yxzs8p079hsrrcv4n7qnk73gpezsxk0kw6',1795969605,NULL,NULL);
INSERT INTO "users" VALUES(2,'alice',NULL,'developer',1,NULL,1795969605,NULL,NULL);
INSERT INTO "users" VALUES(3,'bob',NULL,'developer',1,NULL,1795969605,NULL,NULL);
INSERT INTO "users" VALUES(4,'carol',NULL,'admin',1,NULL,1795969605,NULL,NULL);
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
CREATE INDEX grants_by_user ON grants (user) WHERE removed_at IS NULL;
CREATE INDEX blocks_by_user ON blocks (user);
CREATE INDEX credentials_of_user ON credentials (user) WHERE state <> 'revoked';
CREATE INDEX project_members_by_user ON project_members (user);
CREATE INDEX users_who_manage ON users (id) WHERE role <> 'developer';
CREATE INDEX credentials_by_shard ON credentials (cluster, shard, power)
  WHERE state IN ('pending','active');
COMMIT;
PRAGMA application_id=1801940596;
PRAGMA user_version=9;
