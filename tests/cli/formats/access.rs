//! The shapes of access, of kubeconfigs, and of events.

use crate::home::Home;

use super::{home, side_by_side};

#[test]
fn access_list() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "access list"), @r#"
        --- table
        USER     CLUSTER   LEVEL   THROUGH              ENDS
        alice    prod      read    grant                2026-11-24T10:00:00Z
        olivia   prod      full    organization owner   <none>
        [exit 0]
        --- wide
        USER     CLUSTER   LEVEL   THROUGH              ENDS                   GRANTED                BY       REASON    REVOKED   VERSION
        alice    prod      read    grant                2026-11-24T10:00:00Z   2026-11-22T10:00:00Z   olivia   on call   no        <none>
        olivia   prod      full    organization owner   <none>                 <none>                 <none>   <none>    no        <none>
        [exit 0]
        --- json
        [
          {
            "user": "alice",
            "cluster": "prod",
            "level": "read",
            "through": "grant",
            "project": null,
            "granted_at": "2026-11-22T10:00:00Z",
            "granted_by": "olivia",
            "ends_at": "2026-11-24T10:00:00Z",
            "reason": "on call",
            "revoked": false,
            "version": null
          },
          {
            "user": "olivia",
            "cluster": "prod",
            "level": "full",
            "through": "organization owner",
            "project": null,
            "granted_at": null,
            "granted_by": null,
            "ends_at": null,
            "reason": null,
            "revoked": false,
            "version": null
          }
        ]
        [exit 0]
        --- yaml
        - user: alice
          cluster: prod
          level: read
          through: grant
          project: null
          granted_at: "2026-11-22T10:00:00Z"
          granted_by: olivia
          ends_at: "2026-11-24T10:00:00Z"
          reason: on call
          revoked: false
          version: null
        - user: olivia
          cluster: prod
          level: full
          through: organization owner
          project: null
          granted_at: null
          granted_by: null
          ends_at: null
          reason: null
          revoked: false
          version: null
        [exit 0]
        --- name
        access/alice@prod
        access/olivia@prod
        [exit 0]
    "#);
}

#[test]
fn access_grant() {
    let mut kg = home();
    insta::assert_snapshot!(
        side_by_side(&mut kg, "access grant bob -c prod -l read"),
        @r#"
        --- table
        USER   CLUSTER   LEVEL   ENDS     APPLIED
        bob    prod      read    <none>   yes
        ----- stderr -----
        'bob' can read cluster 'prod'.
        hint: hand it over with `kubegrant kubeconfig download prod --user bob`
        [exit 0]
        --- wide
        USER   CLUSTER   LEVEL   ENDS     APPLIED
        bob    prod      read    <none>   yes
        ----- stderr -----
        'bob' has read on cluster 'prod' already; nothing was changed.
        [exit 0]
        --- json
        {
          "user": "bob",
          "cluster": "prod",
          "level": "read",
          "ends_at": null,
          "changed": false,
          "applied": true,
          "ended_versions": []
        }
        ----- stderr -----
        'bob' has read on cluster 'prod' already; nothing was changed.
        [exit 0]
        --- yaml
        user: bob
        cluster: prod
        level: read
        ends_at: null
        changed: false
        applied: true
        ended_versions: []
        ----- stderr -----
        'bob' has read on cluster 'prod' already; nothing was changed.
        [exit 0]
        --- name
        access/bob@prod
        ----- stderr -----
        'bob' has read on cluster 'prod' already; nothing was changed.
        [exit 0]
    "#
    );
}

#[test]
fn kubeconfig_show() {
    let mut kg = home();
    kg.download_for("alice");
    let text = side_by_side(&mut kg, "kubeconfig show prod --user alice");
    insta::assert_snapshot!(text, @r#"
    --- table
    VERSION   STATE    LEVEL   ISSUED                 EXPIRES                DOWNLOADED             BY
    1         active   read    2026-11-22T11:00:00Z   2026-11-24T10:00:00Z   2026-11-22T11:00:00Z   olivia
    [exit 0]
    --- wide
    VERSION   STATE    LEVEL   ISSUED                 EXPIRES                DOWNLOADED             BY       TIMES   ENDED BECAUSE   ACCOUNT
    1         active   read    2026-11-22T11:00:00Z   2026-11-24T10:00:00Z   2026-11-22T11:00:00Z   olivia   1       <none>          kubegrant-users/alice-[HEX]-v1
    [exit 0]
    --- json
    [
      {
        "cluster": "prod",
        "user": "alice",
        "version": 1,
        "state": "active",
        "level": "read",
        "renews": null,
        "account": "alice-[HEX]-v1",
        "namespace": "kubegrant-users",
        "issued_at": "2026-11-22T11:00:00Z",
        "expires_at": "2026-11-24T10:00:00Z",
        "revoked_at": null,
        "ended_because": null,
        "downloads": [
          {
            "to": "alice",
            "by": "olivia",
            "at": "2026-11-22T11:00:00Z",
            "expires_at": "2026-11-24T10:00:00Z",
            "form": "stdout",
            "jti": "[UID]"
          }
        ]
      }
    ]
    [exit 0]
    --- yaml
    - cluster: prod
      user: alice
      version: 1
      state: active
      level: read
      renews: null
      account: alice-[HEX]-v1
      namespace: kubegrant-users
      issued_at: "2026-11-22T11:00:00Z"
      expires_at: "2026-11-24T10:00:00Z"
      revoked_at: null
      ended_because: null
      downloads:
      - to: alice
        by: olivia
        at: "2026-11-22T11:00:00Z"
        expires_at: "2026-11-24T10:00:00Z"
        form: stdout
        jti: [UID]
    [exit 0]
    --- name
    kubeconfig/alice@prod-v1
    [exit 0]
    "#);
}

#[test]
fn kubeconfig_download() {
    let mut kg = home();
    let text = side_by_side(&mut kg, "kubeconfig download prod --force --ttl 2d");
    insta::assert_snapshot!(text, @r#"
        --- table
        CLUSTER   USER     VERSION   LEVEL   EXPIRES                FILE
        prod      olivia   1         full    2026-11-24T11:00:00Z   [HOME]/work/prod.kubeconfig
        ----- stderr -----
        Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-11-24T11:00:00Z.
        hint: try `kubectl --kubeconfig [HOME]/work/prod.kubeconfig get namespaces`
        [exit 0]
        --- wide
        CLUSTER   USER     VERSION   LEVEL   EXPIRES                FILE
        prod      olivia   1         full    2026-11-24T11:00:00Z   [HOME]/work/prod.kubeconfig
        ----- stderr -----
        Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-11-24T11:00:00Z.
        hint: try `kubectl --kubeconfig [HOME]/work/prod.kubeconfig get namespaces`
        [exit 0]
        --- json
        {
          "cluster": "prod",
          "user": "olivia",
          "shared_with": null,
          "version": 1,
          "level": "full",
          "path": "[HOME]/work/prod.kubeconfig",
          "sealed": false,
          "expires_at": "2026-11-24T11:00:00Z"
        }
        ----- stderr -----
        Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-11-24T11:00:00Z.
        hint: try `kubectl --kubeconfig [HOME]/work/prod.kubeconfig get namespaces`
        [exit 0]
        --- yaml
        cluster: prod
        user: olivia
        shared_with: null
        version: 1
        level: full
        path: [HOME]/work/prod.kubeconfig
        sealed: false
        expires_at: "2026-11-24T11:00:00Z"
        ----- stderr -----
        Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-11-24T11:00:00Z.
        hint: try `kubectl --kubeconfig [HOME]/work/prod.kubeconfig get namespaces`
        [exit 0]
        --- name
        kubeconfig/olivia@prod-v1
        ----- stderr -----
        Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-11-24T11:00:00Z.
        hint: try `kubectl --kubeconfig [HOME]/work/prod.kubeconfig get namespaces`
        [exit 0]
    "#);
}

#[test]
fn audit_list() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "audit list --limit 2"), @r#"
        --- table
        SEQ   TIME                   ACTOR    ACTION         PHASE       CLUSTER   USER    DETAIL
        7     2026-11-22T10:00:00Z   olivia   access grant   requested   prod      alice   read for 'alice' until 2026-11-24T10:00:00Z: on call
        8     2026-11-22T10:00:00Z   olivia   access grant   done        prod      alice   read for 'alice' until 2026-11-24T10:00:00Z: on call
        [exit 0]
        --- wide
        SEQ   TIME                   ACTOR    ACTION         PHASE       CLUSTER   USER    DETAIL                                                 REQUEST   HASH
        7     2026-11-22T10:00:00Z   olivia   access grant   requested   prod      alice   read for 'alice' until 2026-11-24T10:00:00Z: on call   <none>    [HASH]
        8     2026-11-22T10:00:00Z   olivia   access grant   done        prod      alice   read for 'alice' until 2026-11-24T10:00:00Z: on call   7         [HASH]
        [exit 0]
        --- json
        [
          {
            "seq": 7,
            "at": "2026-11-22T10:00:00Z",
            "actor": "olivia",
            "acting_as": null,
            "action": "access grant",
            "phase": "requested",
            "cluster": "prod",
            "user": "alice",
            "detail": "read for 'alice' until 2026-11-24T10:00:00Z: on call",
            "request": null,
            "hash": "[HASH]",
            "state": "[HASH]",
            "prev": "[HASH]",
            "change": {
              "set": {
                "grants": [
                  {
                    "cluster": 1,
                    "ends_at": 1795514400,
                    "granted_at": 1795341600,
                    "granted_by": 1,
                    "id": 1,
                    "level": "read",
                    "reason": "on call",
                    "removed_at": null,
                    "user": 2
                  }
                ]
              }
            },
            "key": "[KEY]",
            "signed_by": "ssh-ed25519 [PUBLIC]",
            "signature": "[SIGNATURE]"
          },
          {
            "seq": 8,
            "at": "2026-11-22T10:00:00Z",
            "actor": "olivia",
            "acting_as": null,
            "action": "access grant",
            "phase": "done",
            "cluster": "prod",
            "user": "alice",
            "detail": "read for 'alice' until 2026-11-24T10:00:00Z: on call",
            "request": 7,
            "hash": "[HASH]",
            "state": "[HASH]",
            "prev": "[HASH]",
            "change": null,
            "key": "[KEY]",
            "signed_by": "ssh-ed25519 [PUBLIC]",
            "signature": "[SIGNATURE]"
          }
        ]
        [exit 0]
        --- yaml
        - seq: 7
          at: "2026-11-22T10:00:00Z"
          actor: olivia
          acting_as: null
          action: access grant
          phase: requested
          cluster: prod
          user: alice
          detail: "read for 'alice' until 2026-11-24T10:00:00Z: on call"
          request: null
          hash: [HASH]
          state: [HASH]
          prev: [HASH]
          change:
            set:
              grants:
              - cluster: 1
                ends_at: 1795514400
                granted_at: 1795341600
                granted_by: 1
                id: 1
                level: read
                reason: on call
                removed_at: null
                user: 2
          key: [KEY]
          signed_by: ssh-ed25519 [PUBLIC]
          signature: "[SIGNATURE]"
        - seq: 8
          at: "2026-11-22T10:00:00Z"
          actor: olivia
          acting_as: null
          action: access grant
          phase: done
          cluster: prod
          user: alice
          detail: "read for 'alice' until 2026-11-24T10:00:00Z: on call"
          request: 7
          hash: [HASH]
          state: [HASH]
          prev: [HASH]
          change: null
          key: [KEY]
          signed_by: ssh-ed25519 [PUBLIC]
          signature: "[SIGNATURE]"
        [exit 0]
        --- name
        event/7
        event/8
        [exit 0]
    "#);
}

#[test]
fn a_plan_has_a_shape_too() {
    let mut kg = Home::new();
    let line = "access grant bob -c prod -l read --dry-run";
    insta::assert_snapshot!(side_by_side(&mut kg, line), @r#"
        --- table
        WOULD
        give 'bob' read on cluster 'prod'
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
        --- wide
        WOULD
        give 'bob' read on cluster 'prod'
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
        --- json
        {
          "steps": [
            "give 'bob' read on cluster 'prod'"
          ],
          "effects": [
            {
              "effect": "put-grant",
              "cluster": "prod",
              "user": "bob",
              "to": "read"
            }
          ]
        }
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
        --- yaml
        steps:
        - give 'bob' read on cluster 'prod'
        effects:
        - effect: put-grant
          cluster: prod
          user: bob
          to: read
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
        --- name
        give 'bob' read on cluster 'prod'
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
    "#);
}
