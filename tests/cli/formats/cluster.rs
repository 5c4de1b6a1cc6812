//! The shapes of clusters, and of how they stand.

use super::{home, side_by_side};

#[test]
fn cluster_list() {
    let mut kg = home();
    kg.run("cluster set prod --label env=prod --label team=a")
        .success();
    insta::assert_snapshot!(side_by_side(&mut kg, "cluster list"), @r#"
        --- table
        NAME   STATE    OWNER    YOUR ACCESS   PENDING   AGE
        prod   active   <none>   full          0         2026-11-22T10:00:00Z
        [exit 0]
        --- wide
        NAME   STATE    PROTECTED   OWNER    PROJECT   YOUR ACCESS   PENDING   CREDENTIALS   SERVER                    VERSION           LABELS            AGE
        prod   active   no          <none>   <none>    full          0         0             https://127.0.0.1:[PORT]   v1.36.0+sandbox   env=prod,team=a   2026-11-22T10:00:00Z
        [exit 0]
        --- json
        [
          {
            "name": "prod",
            "state": "active",
            "protected": false,
            "owner": null,
            "access": "full",
            "through": "organization owner",
            "access_revoked": false,
            "project": null,
            "server": "https://127.0.0.1:[PORT]",
            "public_server": null,
            "public_tls_server_name": null,
            "version": "v1.36.0+sandbox",
            "description": "",
            "labels": {
              "env": "prod",
              "team": "a"
            },
            "credentials": 0,
            "pending": 0,
            "created_at": "2026-11-22T10:00:00Z",
            "reached_at": "2026-11-22T10:00:00Z"
          }
        ]
        [exit 0]
        --- yaml
        - name: prod
          state: active
          protected: false
          owner: null
          access: full
          through: organization owner
          access_revoked: false
          project: null
          server: https://127.0.0.1:[PORT]
          public_server: null
          public_tls_server_name: null
          version: v1.36.0+sandbox
          description: ""
          labels:
            env: prod
            team: a
          credentials: 0
          pending: 0
          created_at: "2026-11-22T10:00:00Z"
          reached_at: "2026-11-22T10:00:00Z"
        [exit 0]
        --- name
        cluster/prod
        [exit 0]
    "#);
}

#[test]
fn cluster_show() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "cluster show prod"), @r#"
    --- table
    Name:          prod
    State:         active
    Protected:     no
    Owner:         <none>
    Project:       <none>
    Your access:   full (organization owner)
    Description:   <none>
    Labels:        <none>
    Server:        https://127.0.0.1:[PORT]
    Version:       v1.36.0+sandbox
    Identity:      [UID]
    Manager:       kubegrant-manager (login: token, ends 2036-11-19T10:00:00Z)
    Issuer:        kubegrant-issuer-8d91efc5 (login: token, ends 2036-11-19T10:00:00Z)
    Credentials:   0
    Pending:       0
    Write:         edit in default
    Excluded:      kube-node-lease: a system namespace
                   kube-public: a system namespace
                   kube-system: a system namespace
                   kubegrant: kubegrant's own namespace
                   kubegrant-users: kubegrant's own namespace
    Registered:    2026-11-22T10:00:00Z
    Reached:       2026-11-22T10:00:00Z
    [exit 0]
    --- wide
    Name:          prod
    State:         active
    Protected:     no
    Owner:         <none>
    Project:       <none>
    Your access:   full (organization owner)
    Description:   <none>
    Labels:        <none>
    Server:        https://127.0.0.1:[PORT]
    Version:       v1.36.0+sandbox
    Identity:      [UID]
    Manager:       kubegrant-manager (login: token, ends 2036-11-19T10:00:00Z)
    Issuer:        kubegrant-issuer-8d91efc5 (login: token, ends 2036-11-19T10:00:00Z)
    Credentials:   0
    Pending:       0
    Write:         edit in default
    Excluded:      kube-node-lease: a system namespace
                   kube-public: a system namespace
                   kube-system: a system namespace
                   kubegrant: kubegrant's own namespace
                   kubegrant-users: kubegrant's own namespace
    Registered:    2026-11-22T10:00:00Z
    Reached:       2026-11-22T10:00:00Z
    [exit 0]
    --- json
    {
      "name": "prod",
      "state": "active",
      "protected": false,
      "owner": null,
      "access": "full",
      "through": "organization owner",
      "access_revoked": false,
      "project": null,
      "server": "https://127.0.0.1:[PORT]",
      "public_server": null,
      "public_tls_server_name": null,
      "version": "v1.36.0+sandbox",
      "description": "",
      "labels": {},
      "credentials": 0,
      "pending": 0,
      "created_at": "2026-11-22T10:00:00Z",
      "reached_at": "2026-11-22T10:00:00Z",
      "kube_system_uid": "[UID]",
      "manager": "kubegrant-manager",
      "manager_login": "token",
      "manager_expires_at": "2036-11-19T10:00:00Z",
      "issuer": "kubegrant-issuer-8d91efc5",
      "issuer_login": "token",
      "issuer_expires_at": "2036-11-19T10:00:00Z",
      "write_scope": "namespaces",
      "excluded_by_operator": [],
      "write": {
        "reaches": [
          "default"
        ],
        "excluded": {
          "kube-node-lease": "a system namespace",
          "kube-public": "a system namespace",
          "kube-system": "a system namespace",
          "kubegrant": "kubegrant's own namespace",
          "kubegrant-users": "kubegrant's own namespace"
        },
        "included": {},
        "left_out": []
      },
      "scan_every_seconds": 600,
      "self_service": "off",
      "looked_at": null
    }
    [exit 0]
    --- yaml
    name: prod
    state: active
    protected: false
    owner: null
    access: full
    through: organization owner
    access_revoked: false
    project: null
    server: https://127.0.0.1:[PORT]
    public_server: null
    public_tls_server_name: null
    version: v1.36.0+sandbox
    description: ""
    labels: {}
    credentials: 0
    pending: 0
    created_at: "2026-11-22T10:00:00Z"
    reached_at: "2026-11-22T10:00:00Z"
    kube_system_uid: [UID]
    manager: kubegrant-manager
    manager_login: token
    manager_expires_at: "2036-11-19T10:00:00Z"
    issuer: kubegrant-issuer-8d91efc5
    issuer_login: token
    issuer_expires_at: "2036-11-19T10:00:00Z"
    write_scope: namespaces
    excluded_by_operator: []
    write:
      reaches:
      - default
      excluded:
        kube-node-lease: a system namespace
        kube-public: a system namespace
        kube-system: a system namespace
        kubegrant: kubegrant's own namespace
        kubegrant-users: kubegrant's own namespace
      included: {}
      left_out: []
    scan_every_seconds: 600
    self_service: "off"
    looked_at: null
    [exit 0]
    --- name
    cluster/prod
    [exit 0]
    "#);
}

#[test]
fn cluster_check() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "cluster check prod"), @r#"
    --- table
    CHECK       RESULT       WHAT
    reachable   ok           https://127.0.0.1:[PORT]
    pins        ok           the CA and the identity are those that were registered
    version     ok           v1.36.0+sandbox
    rights      ok           the manager may do its work
    issuer      ok           the issuer may hand out no more than write
    objects     ok           all of ours are there
    objects     ok           none of ours was changed
    objects     ok           nothing foreign in our namespace
    admins      ok           nobody else is bound to cluster-admin, or to a role as strong
    ways in     ok           no role gives others a way to our accounts, or past them
    levels      ok           no account may do more than its level, as far as the API server was asked
    tokens      ok           no Secret of others, where it was looked, holds one that never ends
    tokens      not looked   elsewhere: who may list Secrets may read them, so the manager may not
    roles       ok           none that is bound is gone or escalates
    write       reaches      default
    write       excluded     kube-node-lease: a system namespace
    write       excluded     kube-public: a system namespace
    write       excluded     kube-system: a system namespace
    write       excluded     kubegrant: kubegrant's own namespace
    write       excluded     kubegrant-users: kubegrant's own namespace
    [exit 0]
    --- wide
    CHECK       RESULT       WHAT
    reachable   ok           https://127.0.0.1:[PORT]
    pins        ok           the CA and the identity are those that were registered
    version     ok           v1.36.0+sandbox
    rights      ok           the manager may do its work
    issuer      ok           the issuer may hand out no more than write
    objects     ok           all of ours are there
    objects     ok           none of ours was changed
    objects     ok           nothing foreign in our namespace
    admins      ok           nobody else is bound to cluster-admin, or to a role as strong
    ways in     ok           no role gives others a way to our accounts, or past them
    levels      ok           no account may do more than its level, as far as the API server was asked
    tokens      ok           no Secret of others, where it was looked, holds one that never ends
    tokens      not looked   elsewhere: who may list Secrets may read them, so the manager may not
    roles       ok           none that is bound is gone or escalates
    write       reaches      default
    write       excluded     kube-node-lease: a system namespace
    write       excluded     kube-public: a system namespace
    write       excluded     kube-system: a system namespace
    write       excluded     kubegrant: kubegrant's own namespace
    write       excluded     kubegrant-users: kubegrant's own namespace
    [exit 0]
    --- json
    {
      "cluster": "prod",
      "server": "https://127.0.0.1:[PORT]",
      "reachable": true,
      "version": "v1.36.0+sandbox",
      "pins_match": true,
      "as_issuer": false,
      "missing_rights": [],
      "issuer_may": [],
      "missing": [],
      "changed": [],
      "widened": [],
      "foreign": [],
      "harmless": [],
      "other_installations": [],
      "cluster_admins": [],
      "ways_in": [],
      "more_than_levels": [],
      "immortal_tokens": [],
      "immortal_tokens_everywhere": false,
      "bound": [],
      "pending": 0,
      "write_everywhere": false,
      "write": {
        "reaches": [
          "default"
        ],
        "excluded": {
          "kube-node-lease": "a system namespace",
          "kube-public": "a system namespace",
          "kube-system": "a system namespace",
          "kubegrant": "kubegrant's own namespace",
          "kubegrant-users": "kubegrant's own namespace"
        },
        "included": {},
        "left_out": []
      }
    }
    [exit 0]
    --- yaml
    cluster: prod
    server: https://127.0.0.1:[PORT]
    reachable: true
    version: v1.36.0+sandbox
    pins_match: true
    as_issuer: false
    missing_rights: []
    issuer_may: []
    missing: []
    changed: []
    widened: []
    foreign: []
    harmless: []
    other_installations: []
    cluster_admins: []
    ways_in: []
    more_than_levels: []
    immortal_tokens: []
    immortal_tokens_everywhere: false
    bound: []
    pending: 0
    write_everywhere: false
    write:
      reaches:
      - default
      excluded:
        kube-node-lease: a system namespace
        kube-public: a system namespace
        kube-system: a system namespace
        kubegrant: kubegrant's own namespace
        kubegrant-users: kubegrant's own namespace
      included: {}
      left_out: []
    [exit 0]
    --- name
    cluster/prod
    [exit 0]
    "#);
}

#[test]
fn status() {
    let mut kg = home();
    kg.download_for("alice");
    kg.sandbox.stop();
    kg.run("access grant alice -c prod -l write --for 1d")
        .exit(6);
    insta::assert_snapshot!(side_by_side(&mut kg, "status"), @r#"
        --- table
        KIND      CLUSTER   WHAT                                            UNTIL
        pending   prod      revocation of version 1 of 'alice' is pending   2026-11-24T10:00:00Z
        ending    prod      the write grant of 'alice'                      2026-11-23T11:00:00Z
        ----- stderr -----
        hint: run `kubegrant reconcile`
        [exit 6]
        --- wide
        KIND      CLUSTER   WHAT                                            UNTIL
        pending   prod      revocation of version 1 of 'alice' is pending   2026-11-24T10:00:00Z
        ending    prod      the write grant of 'alice'                      2026-11-23T11:00:00Z
        ----- stderr -----
        hint: run `kubegrant reconcile`
        [exit 6]
        --- json
        {
          "pending": [
            {
              "cluster": "prod",
              "what": "revocation of version 1 of 'alice' is pending",
              "tokens_may_work_until": "2026-11-24T10:00:00Z"
            }
          ],
          "ask": [],
          "kept": [],
          "blocked": [],
          "ending": [
            {
              "cluster": "prod",
              "what": "the write grant of 'alice'",
              "ends_at": "2026-11-23T11:00:00Z"
            }
          ],
          "ended": []
        }
        ----- stderr -----
        hint: run `kubegrant reconcile`
        [exit 6]
        --- yaml
        pending:
        - cluster: prod
          what: revocation of version 1 of 'alice' is pending
          tokens_may_work_until: "2026-11-24T10:00:00Z"
        ask: []
        kept: []
        blocked: []
        ending:
        - cluster: prod
          what: the write grant of 'alice'
          ends_at: "2026-11-23T11:00:00Z"
        ended: []
        ----- stderr -----
        hint: run `kubegrant reconcile`
        [exit 6]
        --- name
        cluster/prod
        ----- stderr -----
        hint: run `kubegrant reconcile`
        [exit 6]
    "#);
}

#[test]
fn reconcile() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "reconcile"), @r#"
        --- table
        CLUSTER   STATE       WHAT
        prod      unchanged   <none>
        [exit 0]
        --- wide
        CLUSTER   STATE       WHAT
        prod      unchanged   <none>
        [exit 0]
        --- json
        [
          {
            "cluster": "prod",
            "state": "unchanged",
            "changed": [],
            "ended": [],
            "pending": [],
            "error": null
          }
        ]
        [exit 0]
        --- yaml
        - cluster: prod
          state: unchanged
          changed: []
          ended: []
          pending: []
          error: null
        [exit 0]
        --- name
        cluster/prod
        [exit 0]
    "#);
}
