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
INSERT INTO audit VALUES(1,1795969605,'olivia',NULL,'init','done',NULL,'olivia','organization ''Acme'' with owner ''olivia''',NULL,'kubegrant audit v1','39a5c2e07a02da943297250df3794900cb5bc78c5cf114f52eb99127288e05b5','2a344f3d0c51644e71c3cff66547df9aad7e6a2b75fd482550edf8995bd18ae6');
INSERT INTO audit VALUES(2,1795969605,'olivia',NULL,'user add','done',NULL,'alice','user ''alice'' added as developer',NULL,'39a5c2e07a02da943297250df3794900cb5bc78c5cf114f52eb99127288e05b5','0446148fd7a09fb2a047149dc69d8118138872b45a1d6172072aa08bbb41f1f9','9e9ddebd4ebca4065742bc9666dff7618b247946a54e87630bf1e042cbb90048');
INSERT INTO audit VALUES(3,1795969605,'olivia',NULL,'user add','done',NULL,'bob','user ''bob'' added as developer',NULL,'0446148fd7a09fb2a047149dc69d8118138872b45a1d6172072aa08bbb41f1f9','3ad83dddf06a97ffec1741cf0c832c8a756505ed7b0ff44cfa6f2607a1da22e1','c983e8002e43bb37f0081e5728794e00fb326fe4a07c09f4b24925d8f28dc372');
INSERT INTO audit VALUES(4,1795969605,'olivia',NULL,'user add','done',NULL,'carol','user ''carol'' added as developer',NULL,'3ad83dddf06a97ffec1741cf0c832c8a756505ed7b0ff44cfa6f2607a1da22e1','fbbd68d242cf6efe515107869145f7f443322586039f4f04541396fc4552cc4c','a8e08ac5cb92ace809c460dd1162751d6c970031aae2c596efd5085619b0bece');
INSERT INTO audit VALUES(5,1795969605,'olivia',NULL,'user set-role','requested',NULL,'carol','role of ''carol'' from developer to admin',NULL,'fbbd68d242cf6efe515107869145f7f443322586039f4f04541396fc4552cc4c','0b72cb9801011a9ace58d7013f31dd5c5c58608e88d988413fcd5a721992eaf4','de7d657f3118539c7e9b7c9aacd42c8616c8f74de2bce360c7798723c818f601');
INSERT INTO audit VALUES(6,1795969605,'olivia',NULL,'user set-role','done',NULL,'carol','role of ''carol'' from developer to admin',5,'0b72cb9801011a9ace58d7013f31dd5c5c58608e88d988413fcd5a721992eaf4','426ad47504c64ea25016b3b8ffcc75affa3c55a6f06a2edb112f9d8986c272c2','de7d657f3118539c7e9b7c9aacd42c8616c8f74de2bce360c7798723c818f601');
INSERT INTO audit VALUES(7,1795969605,'olivia',NULL,'cluster add','requested','prod',NULL,'register https://127.0.0.1:43813 (v1.36.0+sandbox)',NULL,'426ad47504c64ea25016b3b8ffcc75affa3c55a6f06a2edb112f9d8986c272c2','1c0d52384d3a0051b77889220af3e2f1c2551e1ddc214e57a7527344f51702ba','de7d657f3118539c7e9b7c9aacd42c8616c8f74de2bce360c7798723c818f601');
INSERT INTO audit VALUES(8,1795969605,'olivia',NULL,'cluster add','done','prod',NULL,'register https://127.0.0.1:43813 (v1.36.0+sandbox)',7,'1c0d52384d3a0051b77889220af3e2f1c2551e1ddc214e57a7527344f51702ba','2662000297bf59c6a3f3dd181f2a2c6376be32cdb43e239c8877ae30830596ca','efdd2168da2d6a614195771ea32d6ed4e02be25f3093cedac91831e8e74a23ea');
INSERT INTO audit VALUES(9,1795969605,'olivia',NULL,'cluster add','done','prod',NULL,'older logins of the manager are gone',NULL,'2662000297bf59c6a3f3dd181f2a2c6376be32cdb43e239c8877ae30830596ca','86e889445c1719d5157ad0a5f188d563aa0fab986a1ca384eb95fcca3cf4ac85','a9382c4c9ce5ceeda43c5313c41e66e07016f05f59b887a7a173e4680d3abe93');
INSERT INTO audit VALUES(10,1795969605,'olivia',NULL,'access grant','requested','prod','alice','read for ''alice''',NULL,'86e889445c1719d5157ad0a5f188d563aa0fab986a1ca384eb95fcca3cf4ac85','879ec76a51ef1ae3b13fd23dd31998821ef0de7ed4eaad5d93ae80d75e8e3cb7','cc709c6fae1e338ca477652c2daa07a1fff17e46147187b0e2999e4eb861dff7');
INSERT INTO audit VALUES(11,1795969605,'olivia',NULL,'access grant','done','prod','alice','read for ''alice''',10,'879ec76a51ef1ae3b13fd23dd31998821ef0de7ed4eaad5d93ae80d75e8e3cb7','354bf0e210cf14ab8d2ba15263617e34325d862e52deae0f3509c85c8e04cf15','cc709c6fae1e338ca477652c2daa07a1fff17e46147187b0e2999e4eb861dff7');
INSERT INTO audit VALUES(12,1795969605,'olivia',NULL,'kubeconfig download','requested','prod','alice','kubeconfig of ''alice''',NULL,'354bf0e210cf14ab8d2ba15263617e34325d862e52deae0f3509c85c8e04cf15','21c58bc56af9de9c1ee3063e2d7010558741aad4414e7be588ebc7eaf8eaa397','cc709c6fae1e338ca477652c2daa07a1fff17e46147187b0e2999e4eb861dff7');
INSERT INTO audit VALUES(13,1795969605,'olivia',NULL,'kubeconfig download','requested','prod','alice','version 1 of ''alice'' (read)',12,'21c58bc56af9de9c1ee3063e2d7010558741aad4414e7be588ebc7eaf8eaa397','9816c8168521ffb4981071f3ee9cd51894cbff57956c731db5f166bedf586fa4','616e80e9ae9f3d574a35e0be789601703c070e5931099588fa4688678bcbb975');
INSERT INTO audit VALUES(14,1795969605,'olivia',NULL,'kubeconfig download','done','prod','alice','version 1 of ''alice'' is on the cluster',12,'9816c8168521ffb4981071f3ee9cd51894cbff57956c731db5f166bedf586fa4','f13fd4e319fe43a33b782dd284ae6919b8a16798e60c65be49053b3a4dd5e6b2','4e7bae019155fe9941878312939b0a882080508c89180cae7217e4a908b14f4a');
INSERT INTO audit VALUES(15,1795969605,'olivia',NULL,'kubeconfig download','requested','prod','alice','a token for version 1 of ''alice'', until 2026-12-29T16:26:45Z',12,'f13fd4e319fe43a33b782dd284ae6919b8a16798e60c65be49053b3a4dd5e6b2','72d309630caddedea1a9b18113fdd19e83fb77b7c776e34fc770c270f8864a54','34b24e872f4ea83274b1e5b3d51ab58685589059eb29a05327f8dc2c06cfe66a');
INSERT INTO audit VALUES(16,1795969605,'olivia',NULL,'kubeconfig download','done','prod','alice','version 1 of ''alice'' handed over (stdout), ends 2026-12-29T16:26:45Z',12,'72d309630caddedea1a9b18113fdd19e83fb77b7c776e34fc770c270f8864a54','f466c8827aa4d4e2e19f4db5132c606334dbc3a471023be81c5b8ec122db6cd7','a9b99a425a0a373ef37576711066d7973c629bb8ca6ad215f6236e250b8c8234');
INSERT INTO audit VALUES(17,1795969605,'olivia',NULL,'access grant','requested','prod','bob','write for ''bob''',NULL,'f466c8827aa4d4e2e19f4db5132c606334dbc3a471023be81c5b8ec122db6cd7','7a19f0f51e9654ee87a783251350dd3f29afe99dce42f6090724e50f0a73cd1b','f1c343b22d08c6fb40176fb7a487c3b2f52dd526a85744836b443acb03977020');
INSERT INTO audit VALUES(18,1795969605,'olivia',NULL,'access grant','done','prod','bob','write for ''bob''',17,'7a19f0f51e9654ee87a783251350dd3f29afe99dce42f6090724e50f0a73cd1b','e3efa89dd6833abfbeeabaf9e44255b2f5b8351c3ca0fb694f2795b733bfbb47','f1c343b22d08c6fb40176fb7a487c3b2f52dd526a85744836b443acb03977020');
INSERT INTO audit VALUES(19,1795969606,'olivia',NULL,'team revoke','requested','prod','bob','revoke and block the kubeconfig of ''bob''',NULL,'e3efa89dd6833abfbeeabaf9e44255b2f5b8351c3ca0fb694f2795b733bfbb47','b8bef98af25b44aed47168dde598e677f6dedd41625463a751aeb337d9b53ff3','5004418efb0a14bee9264d17e67c0d3ac723ac7bafeb3b63529db22c3533a8ae');
INSERT INTO audit VALUES(20,1795969606,'olivia',NULL,'team revoke','done','prod','bob','revoke and block the kubeconfig of ''bob''',19,'b8bef98af25b44aed47168dde598e677f6dedd41625463a751aeb337d9b53ff3','f10c3b0c1969c6d2d5b51a379b83763e795c29f4e30c2b603556e481fda323c9','5004418efb0a14bee9264d17e67c0d3ac723ac7bafeb3b63529db22c3533a8ae');
INSERT INTO audit VALUES(21,1795969606,'olivia',NULL,'project create','done',NULL,NULL,'project ''shop'' made',NULL,'f10c3b0c1969c6d2d5b51a379b83763e795c29f4e30c2b603556e481fda323c9','84f3b3289c4bfeb5a610dad3d9816d17c0b320788e4f47d58ade952ea23f33ab','2df8c7601c99a80727ed032c287caf4b55c054b49db619de2c8cdcccbcaa1528');
INSERT INTO audit VALUES(22,1795969606,'olivia',NULL,'cluster set','requested','prod',NULL,'project: shop',NULL,'84f3b3289c4bfeb5a610dad3d9816d17c0b320788e4f47d58ade952ea23f33ab','1d28d5c5ccde1c4fe1dbd37682396dc34b76be8049003c2d308ed0f731e1379d','fd583de9481e07fa7b4f4ab3bae67de288f2a23bcf6c54039e673734924481c0');
INSERT INTO audit VALUES(23,1795969606,'olivia',NULL,'cluster set','done','prod',NULL,'project: shop',22,'1d28d5c5ccde1c4fe1dbd37682396dc34b76be8049003c2d308ed0f731e1379d','8b7ae9ec2f1a5090fffb6e4a1eb110af18a1ca371a1cd2e856a4aa77a116a7c6','fd583de9481e07fa7b4f4ab3bae67de288f2a23bcf6c54039e673734924481c0');
INSERT INTO audit VALUES(24,1795969606,'olivia',NULL,'project add-member','done',NULL,'alice','''alice'' is viewer of project ''shop''',NULL,'8b7ae9ec2f1a5090fffb6e4a1eb110af18a1ca371a1cd2e856a4aa77a116a7c6','2fe6f140a2fbddcffd91ad3d9b51f407f04770bdc2fe9e9821e61973d0b4c9ad','abe5a6076ddd0a5f406b6da970aa122cad1fe1c7bfb5ddef62592bf534f2cd52');
INSERT INTO audit VALUES(25,1795969606,'olivia',NULL,'project add-member','done',NULL,'bob','''bob'' is owner of project ''shop''',NULL,'2fe6f140a2fbddcffd91ad3d9b51f407f04770bdc2fe9e9821e61973d0b4c9ad','ab30dbaabc9815a8ec8d13c0a1cc70fe3190501763b2ae06153f08fcf93d39c2','45de85bc13695228fa6346a90b6855b11f6905f89f7032c43145137196097303');
INSERT INTO audit VALUES(26,1795969606,'olivia',NULL,'ssh-key generate','done','prod',NULL,'key SHA256:d0plvJfRSFAoTums4QL2WxuSRdY+y8pD6NN51plhIIs (ed25519)',NULL,'ab30dbaabc9815a8ec8d13c0a1cc70fe3190501763b2ae06153f08fcf93d39c2','be0eb1821a8ca6eaaca57b7e2c52f606b81496e2437d6b82b98fe64162f6a1cd','df8f1b868bd58e45ee5f37d9ea554b587176ba17f78accc51a2032bac3968946');
INSERT INTO audit VALUES(27,1795969606,'olivia',NULL,'rbac bind','requested','prod','alice','ClusterRole ''view'' cluster-wide for ''alice''',NULL,'be0eb1821a8ca6eaaca57b7e2c52f606b81496e2437d6b82b98fe64162f6a1cd','6501b8f9f7e0510f0756bb3ccef1b89bb549729ff6c1b7327d453b5820455139','625fcefbb6e909acebdb457f7f850f866148ebf53fa4957242e7a862c1612e2e');
INSERT INTO audit VALUES(28,1795969606,'olivia',NULL,'rbac bind','done','prod','alice','ClusterRole ''view'' cluster-wide is there, read back from the cluster',27,'6501b8f9f7e0510f0756bb3ccef1b89bb549729ff6c1b7327d453b5820455139','cbdcb44bf16a1c7de27a094143ce1fe1c0129f2eeb2335b4f613213d0447085e','479a88b69ef24652e87f0d633d6f16c7dbadc90fffdead7b783f4413eb3a5d0e');
INSERT INTO audit VALUES(29,1795969606,'olivia',NULL,'rbac bind','done','prod','alice','ClusterRole ''view'' cluster-wide for ''alice''',27,'cbdcb44bf16a1c7de27a094143ce1fe1c0129f2eeb2335b4f613213d0447085e','c42de3710112119ed82f131f5e71333c63a568c79c5fac43114592f2b90c5ef7','479a88b69ef24652e87f0d633d6f16c7dbadc90fffdead7b783f4413eb3a5d0e');
INSERT INTO audit VALUES(30,1795969606,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','kubeconfig of ''shop/read''',NULL,'c42de3710112119ed82f131f5e71333c63a568c79c5fac43114592f2b90c5ef7','1460244dc4790fb44ad568410766e7d52aa78a278264a27676dda7f485fa4e64','479a88b69ef24652e87f0d633d6f16c7dbadc90fffdead7b783f4413eb3a5d0e');
INSERT INTO audit VALUES(31,1795969606,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','version 1 of ''shop/read'' (read)',30,'1460244dc4790fb44ad568410766e7d52aa78a278264a27676dda7f485fa4e64','69830c94583dda2629e8dd457833af02c5f0ee44cb267a7998c61ea8d2267578','0fb08498683b0a838b4767a9575ee1ab9a2b552fccd273e949054f1f41c0815a');
INSERT INTO audit VALUES(32,1795969606,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' is on the cluster',30,'69830c94583dda2629e8dd457833af02c5f0ee44cb267a7998c61ea8d2267578','fe17ed33023702b602e04b44cd2a42b14a3666ee80f38caaec232d01906be81a','e5a950c3ad8536728465c34a861a31e426aa579e1defcfaa4a9c78f589fc212b');
INSERT INTO audit VALUES(33,1795969606,'olivia',NULL,'kubeconfig download','requested','prod','shop/read','a token for version 1 of ''shop/read'', until 2026-12-29T16:26:46Z',30,'fe17ed33023702b602e04b44cd2a42b14a3666ee80f38caaec232d01906be81a','aa8b5ffbec07ecca50561736ab5044b854568a8b6d13814118b25ad8c7e3c190','7a51a9556eb4fed0762a8616672e89f127e25557bf4a6cf0de68d1b784d08d4f');
INSERT INTO audit VALUES(34,1795969606,'olivia',NULL,'kubeconfig download','done','prod','shop/read','version 1 of ''shop/read'' handed over to ''alice'' (stdout), ends 2026-12-29T16:26:46Z',30,'aa8b5ffbec07ecca50561736ab5044b854568a8b6d13814118b25ad8c7e3c190','6a07a5bfb5a39546dd14f33aebb2b4122b998420c48e8d12fc7477d0867ad4fe','67d6af1975c16c53dd5f76c26c79f6dbb026592e7d9acacbf5b6443a0b3b1e9d');
INSERT INTO audit VALUES(35,1795982212,'kubegrant',NULL,'upgrade','done',NULL,NULL,'schema 8; the records are as they were left; what is guarded from now on was taken as it stood',NULL,'6a07a5bfb5a39546dd14f33aebb2b4122b998420c48e8d12fc7477d0867ad4fe','985b6b0e0ec8e7137ca4c3a0af61826888e86b3751673cd8e430fc387269a2de','b3eb6edf298a4d1acb18b57b823a888aa7fe4751461c5f6fa7dcd1b608dee415');
INSERT INTO audit VALUES(36,1795982212,'olivia',NULL,'cluster set','done','prod',NULL,'description: eight',NULL,'985b6b0e0ec8e7137ca4c3a0af61826888e86b3751673cd8e430fc387269a2de','d4df7982efe6256c77c52a755ddeb323ef84ec90cfc8bc2d1fbdcfe5b37975cb','b3eb6edf298a4d1acb18b57b823a888aa7fe4751461c5f6fa7dcd1b608dee415');
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
INSERT INTO bindings VALUES(1,1,2,'ClusterRole','view',NULL,1795969606,1,'',NULL,0);
CREATE TABLE blocks (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  by_user INTEGER NOT NULL REFERENCES users(id),
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (cluster, user)
) STRICT;
INSERT INTO blocks VALUES(1,3,1795969606,1,'');
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
, project INTEGER REFERENCES projects(id), orphans_owed INTEGER NOT NULL DEFAULT 0 CHECK (orphans_owed IN (0,1)), included TEXT NOT NULL DEFAULT '[]', write_allow TEXT NOT NULL DEFAULT '[]', former_managers TEXT NOT NULL DEFAULT '[]', accounts_rotated_at INTEGER NOT NULL DEFAULT 0, public_server TEXT, public_tls_server_name TEXT) STRICT;
INSERT INTO clusters VALUES(1,'prod','active',0,NULL,'eight','{}','https://127.0.0.1:43813',replace('-----BEGIN CERTIFICATE-----\nMIIBbzCCARSgAwIBAgIUEa6jhxjy0Q+BmP71379et0ZmxsEwCgYIKoZIzj0EAwIw\nFTETMBEGA1UEAwwKc2FuZGJveC1jYTAeFw0yNjExMjgwMDAwMDBaFw0zNjExMjYw\nMDAwMDBaMBUxEzARBgNVBAMMCnNhbmRib3gtY2EwWTATBgcqhkjOPQIBBggqhkjO\nPQMBBwNCAAT1/kjhVRf/mL7KIOEpFwROexpzl4DGO339iS75unt0FXpduD9+Dsna\nOZs0LXcbRMzCx1AFPObgIzJUdWfLmSjGo0IwQDAOBgNVHQ8BAf8EBAMCAoQwHQYD\nVR0OBBYEFCU1WKyvaetf1qkJVT3Yttv/TWQEMA8GA1UdEwEB/wQFMAMBAf8wCgYI\nKoZIzj0EAwIDSQAwRgIhAKJ6SFKPOcjzWI5AuwhD2S4MZC6f75WjcPg0G1N6fzAQ\nAiEAs2aUSNFlhFxUGRRGEClZbkvzX30EeBC2Llm4wIlAZgI=\n-----END CERTIFICATE-----\n','\n',char(10)),NULL,NULL,'ec8a6592-26f1-4939-9c50-e42adb68722d','v1.36.0+sandbox','kubegrant-manager-3a911923','token',1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e20583235353139204766624c6150543858566634544671646c74754659337669787069434451746b4464476c7857454f6243450a3362396e6c35584837566767634e2f4a4263792f50756c566a745043464474704237472f46474a73526c630a2d3e20712962272d6772656173652050386e755f68462e207b7c6f42503d62322079207a0a2b2f4e644a363859374532333266454239546c6546377757583658553973364178785430324b586c4c5a675a45462f4152684e34715a6b696c52767566346f780a4e7a4d0a2d2d2d202f45774f4568774667584d5349593261626441656d695a662b314f2b735778474b487967357a4c543877450a53d964c847197caa74631b01177e273f145c7067bd3b61d9f8bfd1256164f11eb15a5a58ad9e5d66cae7150a5f02a02b357c0a7e023a9239074e8cc506bbb2c797a11e4adb97a60d232469ba71436f9c1f7317873f6892dbea29a86725014405f665d7cf97d4a1fea4e88c07c80c91eee0867a9f8d2c6adb20f3e9a0fb42be38a1f4081fc0a1d77ab7c2ea64d46f7840e0b2f89140a09db45829c35fae92fe3979ece36e863c40d232d76d4b573ebc62c5f21e25a6c5eca2a5cbafec1beaf145deb7c54fb3ae2ffe2a4e19d79c9cfc51ae6b74c7fe4c95a53c1c453c78a95b6da30784a46878928dae2c04c2b89dfec01f6cac799c66787e2c92a856779353ccd35d99c44c3e7528bf7dfc21f83724af8a147e8ebc04d989b388a204e7fb19ef467da70d58dd1ac9f1daf89a98f868fc413254a495ae477ee0b6dc4ed8f9bd9b6dbb8452962f91929ea3ca88838ddfe1258587494ae629c4cbe4792f3670e0cd4da2968c1943c77d4c00e80ffc0fcffddc0a4d68c9330ebb19edfe9b7f08f8f745f545cee1ce51f80e20029d8f6fc641ed654e695fc7d50cd29fd18715ed111284740822baf4d8b6ca7bd563a94a6735e296b41b147b97b3dd2567ecc46f708ce0fd14312f973536075b2d2d5fa6def8b3f6736579bdc6824f041d04aa248fe91f943d915d66edce0ae0cc690634e14c2089ad7afee13c654a06f478fc2e8473be381fe9d05a63a39a4f380316aa73e64fc31b49f4a79c1096ca67d791213d4290c4156006e2bfa1485e98aca9b18937efae028eac774f4c31c7ac532e2066ae9db851277230a0c285bd0a679200fcb5ab6c44fa8f2d9ddc1e5e7add0cbc6fceae84c5125aa419eec856ccb56bc573ec5dfa74d92e8a145ef88678c854b42f450e349a441ef1fdc0da1169f1cb62f81919d72ab8cd4dffe2ba0e6d6535fcba04ee8ad8062bfb79312151cac11255c2c3d2917b8c37eb22ca95cedc29ec3d720683a0ca309e816ae58bfa101fbb2636a72c2ffb0328191f236010420a80e09d217994044a1863787ea5638e2de260e002a288274ee3a92540885f96c0343b888e33ae55e357d018fb9262f4cdf5ac98ed89ce05cda5741c163e10ce1210ed6973b1b06dc6e3c3a8fc8657f728032e71d53f1f9b7864d8745ef8ff61dd0ef82ba5baf13fa22ae94a69bc10d0e2557dbcd0a47fd9e94556a644b6e21577e1c7880e378ed249c79e5b4271d85afffd43e17b7ab3de6f7a55a3ece6ac4bacef149da6726b2cec6011452a7e08fa2e39a1e60385094475baeb9c',2111329605,'namespaces','[]',1795969605,1795969606,0,0,NULL,NULL,1,0,'[]','[]','[]',0,NULL,NULL);
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
INSERT INTO credentials VALUES(1,1,'personal',2,NULL,NULL,1,'alice-c6fd04bf-v1','read','active',NULL,1795969605,1795969605,NULL,NULL,1798561605,NULL);
INSERT INTO credentials VALUES(2,1,'shared',NULL,1,'read',1,'shop-read-9680bd87-v1','read','active',NULL,1795969606,1795969606,NULL,NULL,1798561606,NULL);
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
INSERT INTO deliveries VALUES(1,1,2,1,1795969605,1798561605,'1e2b8177-e692-4e01-bd03-33169a6019a7','stdout');
INSERT INTO deliveries VALUES(2,2,2,1,1795969606,1798561606,'b895d2e5-85a6-4103-b303-d12475826190','stdout');
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
INSERT INTO grants VALUES(1,1,2,'read',1795969605,1,NULL,'',NULL);
INSERT INTO grants VALUES(2,1,3,'write',1795969605,1,NULL,'',NULL);
CREATE TABLE holders (
  credential INTEGER NOT NULL REFERENCES credentials(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  -- The version lives on though this holder lost the level: somebody decided so.
  kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0,1)),
  PRIMARY KEY (credential, user)
) STRICT, WITHOUT ROWID;
INSERT INTO holders VALUES(2,2,1795969606,0);
CREATE TABLE meta (
  key TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES('organization','Acme');
INSERT INTO meta VALUES('installation','7be7bf99');
CREATE TABLE project_members (
  project INTEGER NOT NULL REFERENCES projects(id),
  user INTEGER NOT NULL REFERENCES users(id),
  role TEXT NOT NULL CHECK (role IN ('viewer','editor','owner')),
  added_at INTEGER NOT NULL,
  added_by INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (project, user)
) STRICT, WITHOUT ROWID;
INSERT INTO project_members VALUES(1,2,'viewer',1795969606,1);
INSERT INTO project_members VALUES(1,3,'owner',1795969606,1);
CREATE TABLE projects (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  description TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  created_by INTEGER NOT NULL REFERENCES users(id),
  removed_at INTEGER
) STRICT;
INSERT INTO projects VALUES(1,'shop','',1795969606,1,NULL);
CREATE TABLE provider_tokens (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  provider TEXT NOT NULL CHECK (provider IN ('hetzner')),
  secret BLOB NOT NULL,
  generation INTEGER NOT NULL,
  set_at INTEGER NOT NULL,
  set_by INTEGER NOT NULL REFERENCES users(id)
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
CREATE TABLE ssh_key_recipients (
  key INTEGER NOT NULL REFERENCES ssh_keys(id),
  user INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (key, user)
) STRICT, WITHOUT ROWID;
INSERT INTO ssh_key_recipients VALUES(1,1);
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
INSERT INTO ssh_keys VALUES(1,1,1,'current','available','ed25519','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEq+xQLJSZbYkyhCW9Eo2R8lFmr2FK94HtwJWi8SJowJ kubegrant:prod','SHA256:d0plvJfRSFAoTums4QL2WxuSRdY+y8pD6NN51plhIIs','generated',1795969606,1,X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e2058323535313920316c4d624f654c6f676838374174334f625244355637442b4c70744f5a6449325958614c6b7247786631300a456d3553792f7448427a4f704263754d4b6c774d6565594d64513650796f35612b3478635045446d554b770a2d3e20352c2d677265617365207a48442070745d3f203920473d4d260a7931796c73754a503656662f2b66526472664d47772b6b4177506f686d69766b3934742f7a667752726179577332562f59765261555972474e4333482b3743780a394632460a2d2d2d206a745a6830694c6847444f7769435331706f334a654c57734a564f49683831302b4e5343475648496c33550ab8df5c5004bdce2d76e1e8c65ac680e59af72e7d29edea395efdc72d5ab9a877cc153f86da2139ccf6e44c285a0f87d3d6a5420728e67dfc940c0d4b45db4a3be64a26c59e2fd49bd612883ce3da9aec782f160f1caa37039ff5efeb53315dfa4ffcb9c10ad94b282287334ec19b13d4a61bffe0c49e48dbf621dd1fea4612c4b9662ac4ba837fe80b046a691ad0d45bf37df31564fe7ca784350fdcc2fb1c1a08b9cccfa1754bc456c24737ce39c195e9b356c8d45f35fd9bc8252e52d8453f2408a777dd1ab3b68596864377dc49eee09275a76021e9235fe343b34b18513eb4953a74f838df8f3718bef8d4312a0e137ea35d97b7bcb08b1c749b4f36f0a4be7b7c7d169f37799fd628b080c969cba84be3fc885c5e40e15f0b9b22a36c43e2537bed7ec61f71017ff27e5e99e094e7f234257b4d14249278c05ccedc46f87acee367f26e424773fc2baf58ca88e99391d924ea02e9b67a1a26ba76436d859130c43d4479e62de303bf1ec13791ae87b2006de1b41ccb1224099b4a0651383a3bd20e8dd25ccb1fa010d8a81a30ddd3d611066691266bffacc43c499b786562f04c935de46f340e6adc81196a5a7c429172698b0cacb68b44cc4b85da2a218c6e258da0973f279cfb896a0ed0e727a151561cc698f330ea0db41af816b6ad1da4ff3cac6d0611ecfa8c48e266994a345bf8302ae4ae0631459d8aa053f86e85c03b30db66055b2d8cc2c14e5c9bcee021d424e37a843f19827c37391a9e4ad678037f6c',NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO users VALUES(1,'olivia',NULL,'owner',1,'age1qp0wyz4wm4f26llkv49r7eh7yxzs8p079hsrrcv4n7qnk73gpezsxk0kw6',1795969605,NULL,NULL);
INSERT INTO users VALUES(2,'alice',NULL,'developer',1,NULL,1795969605,NULL,NULL);
INSERT INTO users VALUES(3,'bob',NULL,'developer',1,NULL,1795969605,NULL,NULL);
INSERT INTO users VALUES(4,'carol',NULL,'admin',1,NULL,1795969605,NULL,NULL);
CREATE TABLE version_floors (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  owner TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (cluster, owner)
) STRICT, WITHOUT ROWID;
CREATE TABLE row_digests (
  gathered TEXT NOT NULL,
  name TEXT NOT NULL,
  part TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (gathered, name, part)
) STRICT, WITHOUT ROWID;
INSERT INTO row_digests VALUES('clusters 0','bindings','1','e1e89a4b831f9214faa21499304525d69d940d05ed69e723e6de0492c176dee0');
INSERT INTO row_digests VALUES('clusters 0','blocks','1','8f2618a399fbaa01147b59a78558f3a8673b0f77ccd39919124c64b568468c98');
INSERT INTO row_digests VALUES('clusters 0','clusters','1','d9c1bf54badaeb35f5a67ba84a74ff52101217a3d65980428765b24261ea28fc');
INSERT INTO row_digests VALUES('clusters 0','credentials','1','78a451cec71617a44e9699f8f247989a3d82eea37b088282547a461692c626a8');
INSERT INTO row_digests VALUES('clusters 0','deliveries','1','39d86ab00ae928c60681c73cb1cf245dc4fb7539cd15ddb9420cb4c38548eae0');
INSERT INTO row_digests VALUES('clusters 0','grants','1','6551880ca661794f44abfc9062cac4e5356a9f2577650c9306a9b353556d6069');
INSERT INTO row_digests VALUES('clusters 0','holders','1','1549a33049bb27a91868348ee33f537c9aac19c9c45a445a147fc13f00d35c0c');
INSERT INTO row_digests VALUES('clusters 0','ssh_keys','1','16edadcc8ccded9d1bccf4d22bd30bcf64a730146ea3a623d3c37860de576899');
INSERT INTO row_digests VALUES('organization','admins','','b18378f79b6dc2729e80f915494533a0ed3b7293a44c35b50295691c0fafadd8');
INSERT INTO row_digests VALUES('organization','all clusters','','95a18de6ea0d2d7eb14ca2d7d66690be41c881cbce9bd6045ca2d154f0f31311');
INSERT INTO row_digests VALUES('organization','meta','','7519e6ffabd3ad90240624c3ebb979a7ad16aa2dbc8aeb5f7ea56a4a69d78592');
INSERT INTO row_digests VALUES('organization','projects','','ec6a09165fd3a65030ee953fde9525be1e6eea2eec1b3c237571f38553cfe97d');
INSERT INTO row_digests VALUES('organization','schema','','dda031fc6600edaeb6eb044f382f5e5873e6e1c70363faa7e245ceeb3f90a6d1');
INSERT INTO row_digests VALUES('projects 0','project_members','1','b0fda0e172c2aedc005f816a4c20b781512398e159500cbd1a06b2a8158f958e');
INSERT INTO row_digests VALUES('users 0','bindings of user','2','5c4ca846012e4df82fc23b38a3612897f31b13b6efb56cf696cdef4cdf8dbde4');
INSERT INTO row_digests VALUES('users 0','blocks of user','3','d11fa97c742e59ff9ed5bed8b3ae3b1a85084d54bb51b1b81f0b66fc2f3d676f');
INSERT INTO row_digests VALUES('users 0','credentials of user','2','6d6a7990c8bd9636a2e07be13d70a75c0381a279b9d9e20c6691ad724e92cd47');
INSERT INTO row_digests VALUES('users 0','deliveries of user','2','610b990e3201a130d1415ca5359ef224b5304c234cf089a0469c77062f844426');
INSERT INTO row_digests VALUES('users 0','grants of user','2','33565aba57b98241fb1581a4658a8c25c2c9f15af71b2c41f0c4cd71d44d39d4');
INSERT INTO row_digests VALUES('users 0','grants of user','3','a3457a64c5272e10a1209521d8384b7d0a75b4cc8590212181d64f37029f13d2');
INSERT INTO row_digests VALUES('users 0','holders of user','2','8a54e221bbd076c47c80700e85b873ee7b036fbb72e189106f3786186d2fbbb5');
INSERT INTO row_digests VALUES('users 0','projects of user','2','3e9190fab6a0fd2b1b5b73faf237c47fc8513ae3c2d6570ae84b72003ecd14f3');
INSERT INTO row_digests VALUES('users 0','projects of user','3','7159c5f3d33f8c17de35c75268906e15f3e1081764b14a1e804c9c3ac8d29377');
INSERT INTO row_digests VALUES('users 0','users','1','42f56eb331862c4e167810afc437b6c846443dfc5a668d1f81924d073f794b37');
INSERT INTO row_digests VALUES('users 0','users','2','be8e3bf234aa262a9f93d544609c10acc9b7125144169c2c4a3d11a692dc4901');
INSERT INTO row_digests VALUES('users 0','users','3','da9bbae2486f361a53502c43dbb95528c20269b2022c6fd19cfc7145fcc26e55');
INSERT INTO row_digests VALUES('users 0','users','4','9d2aedf3588f92d8d81c2fc50e2c6174488804d36e821c7f6b562c72ded6a034');
CREATE TABLE group_digests (
  name TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO group_digests VALUES('clusters 0','39462daf39a10e86916731013a00919149425148c093b81fa8a2fa34ae5287c3');
INSERT INTO group_digests VALUES('organization','5225339461959c8a726fea1a76d19c833870abacc6b0e78df01959d2c39d37e8');
INSERT INTO group_digests VALUES('projects 0','1138260701ca0959c50f034603d26067094383c655ea0ada03945c1d1f280ab0');
INSERT INTO group_digests VALUES('users 0','97358c2fb32bc01058f2ce7381fb7119c78710c60b3cf76036fcb639acecc6b1');
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
COMMIT;
PRAGMA application_id=1801940596;
PRAGMA user_version=8;
