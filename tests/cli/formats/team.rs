//! Team access, explanations and provider tokens.

use super::{home, side_by_side};

#[test]
fn team_list() {
    let mut kg = home();
    kg.download_for("alice");
    insta::assert_snapshot!(side_by_side(&mut kg, "team list"), @r#"
        --- table
        USER    CLUSTER   VERSION   STATE    ISSUED                 EXPIRES                DOWNLOADED             BLOCKED
        alice   prod      1         active   2026-11-22T11:00:00Z   2026-11-24T10:00:00Z   2026-11-22T11:00:00Z   no
        [exit 0]
        --- wide
        USER    CLUSTER   VERSION   STATE    ISSUED                 EXPIRES                DOWNLOADED             BLOCKED   LEVEL   TIMES   BY
        alice   prod      1         active   2026-11-22T11:00:00Z   2026-11-24T10:00:00Z   2026-11-22T11:00:00Z   no        read    1       olivia
        [exit 0]
        --- json
        [
          {
            "user": "alice",
            "cluster": "prod",
            "version": 1,
            "state": "active",
            "level": "read",
            "issued_at": "2026-11-22T11:00:00Z",
            "expires_at": "2026-11-24T10:00:00Z",
            "downloads": 1,
            "downloaded_at": "2026-11-22T11:00:00Z",
            "downloaded_by": "olivia",
            "blocked": false,
            "kept_by": []
          }
        ]
        [exit 0]
        --- yaml
        - user: alice
          cluster: prod
          version: 1
          state: active
          level: read
          issued_at: "2026-11-22T11:00:00Z"
          expires_at: "2026-11-24T10:00:00Z"
          downloads: 1
          downloaded_at: "2026-11-22T11:00:00Z"
          downloaded_by: olivia
          blocked: false
          kept_by: []
        [exit 0]
        --- name
        kubeconfig/alice@prod
        [exit 0]
        "#);
}

#[test]
fn team_restore() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "team restore alice -c prod"), @r#"
        --- table
        USER    CLUSTER   RESULT      WHAT
        alice   prod      unchanged   'alice' is not blocked on cluster 'prod'
        ----- stderr -----
        'alice' is not blocked on cluster 'prod'.
        [exit 0]
        --- wide
        USER    CLUSTER   RESULT      WHAT
        alice   prod      unchanged   'alice' is not blocked on cluster 'prod'
        ----- stderr -----
        'alice' is not blocked on cluster 'prod'.
        [exit 0]
        --- json
        [
          {
            "user": "alice",
            "cluster": "prod",
            "result": "unchanged",
            "what": "'alice' is not blocked on cluster 'prod'"
          }
        ]
        ----- stderr -----
        'alice' is not blocked on cluster 'prod'.
        [exit 0]
        --- yaml
        - user: alice
          cluster: prod
          result: unchanged
          what: "'alice' is not blocked on cluster 'prod'"
        ----- stderr -----
        'alice' is not blocked on cluster 'prod'.
        [exit 0]
        --- name
        kubeconfig/alice@prod
        ----- stderr -----
        'alice' is not blocked on cluster 'prod'.
        [exit 0]
        "#);
}

#[test]
fn access_explain() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "access explain alice -c prod"), @r#"
        --- table
        PATH                GIVES     COUNTS   WHY
        organization role   nothing   no       'alice' is organization developer
        cluster owner       nothing   no       'alice' does not own cluster 'prod'
        project             nothing   no       the cluster is in no project
        grant               read      yes      'alice' was granted read until 2026-11-24T10:00:00Z
        role binding        nothing   no       'alice' has no role binding
        access              read      -        'alice' has read on cluster 'prod'
        kubeconfig          yes       -        the next download issues a version
        [exit 0]
        --- wide
        PATH                GIVES     COUNTS   WHY
        organization role   nothing   no       'alice' is organization developer
        cluster owner       nothing   no       'alice' does not own cluster 'prod'
        project             nothing   no       the cluster is in no project
        grant               read      yes      'alice' was granted read until 2026-11-24T10:00:00Z
        role binding        nothing   no       'alice' has no role binding
        access              read      -        'alice' has read on cluster 'prod'
        kubeconfig          yes       -        the next download issues a version
        [exit 0]
        --- json
        {
          "user": "alice",
          "cluster": "prod",
          "level": "read",
          "through": "grant",
          "paths": [
            {
              "path": "organization role",
              "gives": null,
              "counts": false,
              "what": "'alice' is organization developer"
            },
            {
              "path": "cluster owner",
              "gives": null,
              "counts": false,
              "what": "'alice' does not own cluster 'prod'"
            },
            {
              "path": "project",
              "gives": null,
              "counts": false,
              "what": "the cluster is in no project"
            },
            {
              "path": "grant",
              "gives": "read",
              "counts": true,
              "what": "'alice' was granted read until 2026-11-24T10:00:00Z"
            },
            {
              "path": "role binding",
              "gives": null,
              "counts": false,
              "what": "'alice' has no role binding"
            }
          ],
          "can_download": true,
          "refused_because": null,
          "live_version": null,
          "answer": null
        }
        [exit 0]
        --- yaml
        user: alice
        cluster: prod
        level: read
        through: grant
        paths:
        - path: organization role
          gives: null
          counts: false
          what: "'alice' is organization developer"
        - path: cluster owner
          gives: null
          counts: false
          what: "'alice' does not own cluster 'prod'"
        - path: project
          gives: null
          counts: false
          what: the cluster is in no project
        - path: grant
          gives: read
          counts: true
          what: "'alice' was granted read until 2026-11-24T10:00:00Z"
        - path: role binding
          gives: null
          counts: false
          what: "'alice' has no role binding"
        can_download: true
        refused_because: null
        live_version: null
        answer: null
        [exit 0]
        --- name
        access/alice@prod
        [exit 0]
    "#);
}

#[test]
fn cluster_protect() {
    let mut kg = home();
    kg.run("cluster protect prod").success();
    insta::assert_snapshot!(side_by_side(&mut kg, "cluster protect prod"), @r#"
        --- table
        NAME   STATE    PROTECTED   APPLIED
        prod   active   yes         yes
        ----- stderr -----
        Cluster 'prod' is protected already; nothing was changed.
        [exit 0]
        --- wide
        NAME   STATE    PROTECTED   APPLIED
        prod   active   yes         yes
        ----- stderr -----
        Cluster 'prod' is protected already; nothing was changed.
        [exit 0]
        --- json
        {
          "name": "prod",
          "state": "active",
          "protected": true,
          "owner": null,
          "manager_expires_at": "2036-11-19T10:00:00Z",
          "changed": false,
          "applied": true
        }
        ----- stderr -----
        Cluster 'prod' is protected already; nothing was changed.
        [exit 0]
        --- yaml
        name: prod
        state: active
        protected: true
        owner: null
        manager_expires_at: "2036-11-19T10:00:00Z"
        changed: false
        applied: true
        ----- stderr -----
        Cluster 'prod' is protected already; nothing was changed.
        [exit 0]
        --- name
        cluster/prod
        ----- stderr -----
        Cluster 'prod' is protected already; nothing was changed.
        [exit 0]
        "#);
}

#[test]
fn provider_token_show() {
    let mut kg = home();
    kg.run_with_input(
        "cluster provider-token set prod --file -",
        "a-token-with-some-length-4321",
    )
    .success();
    insta::assert_snapshot!(side_by_side(&mut kg, "cluster provider-token show prod"), @r#"
        --- table
        Cluster:    prod
        Provider:   hetzner
        Token:      ********4321
        Set:        2026-11-22T11:00:00Z
        By:         olivia
        [exit 0]
        --- wide
        Cluster:    prod
        Provider:   hetzner
        Token:      ********4321
        Set:        2026-11-22T11:00:00Z
        By:         olivia
        [exit 0]
        --- json
        {
          "cluster": "prod",
          "provider": "hetzner",
          "token": "********4321",
          "set_at": "2026-11-22T11:00:00Z",
          "set_by": "olivia",
          "servers": null,
          "server_names": null
        }
        [exit 0]
        --- yaml
        cluster: prod
        provider: hetzner
        token: "********4321"
        set_at: "2026-11-22T11:00:00Z"
        set_by: olivia
        servers: null
        server_names: null
        [exit 0]
        --- name
        provider-token/prod
        [exit 0]
        "#);
}
