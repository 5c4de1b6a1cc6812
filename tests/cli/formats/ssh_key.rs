//! The shapes of SSH keys.

use super::{home, side_by_side};

#[test]
fn ssh_key_show() {
    let mut kg = home();
    kg.run("ssh-key generate prod").success();
    insta::assert_snapshot!(side_by_side(&mut kg, "ssh-key show prod"), @r#"
        --- table
        Cluster:       prod
        Fingerprint:   [FINGERPRINT]
        Type:          ed25519
        State:         available
        Made:          2026-11-22T11:00:00Z, generated
        By:            olivia
        Taken:         <none>
        Taken by:      <none>
        Nodes:         <none>
        Public:        ssh-ed25519 [PUBLIC] kubegrant:prod
        [exit 0]
        --- wide
        Cluster:       prod
        Fingerprint:   [FINGERPRINT]
        Type:          ed25519
        State:         available
        Made:          2026-11-22T11:00:00Z, generated
        By:            olivia
        Taken:         <none>
        Taken by:      <none>
        Nodes:         <none>
        Public:        ssh-ed25519 [PUBLIC] kubegrant:prod
        [exit 0]
        --- json
        {
          "cluster": "prod",
          "fingerprint": "[FINGERPRINT]",
          "type": "ed25519",
          "state": "available",
          "origin": "generated",
          "made_at": "2026-11-22T11:00:00Z",
          "made_by": "olivia",
          "taken_at": null,
          "taken_by": null,
          "handed_out_by": null,
          "public": "ssh-ed25519 [PUBLIC] kubegrant:prod",
          "nodes": [],
          "pending": []
        }
        [exit 0]
        --- yaml
        cluster: prod
        fingerprint: [FINGERPRINT]
        type: ed25519
        state: available
        origin: generated
        made_at: "2026-11-22T11:00:00Z"
        made_by: olivia
        taken_at: null
        taken_by: null
        handed_out_by: null
        public: ssh-ed25519 [PUBLIC] kubegrant:prod
        nodes: []
        pending: []
        [exit 0]
        --- name
        ssh-key/prod
        [exit 0]
        "#);
}

#[test]
fn ssh_key_show_of_one_that_was_taken() {
    let mut kg = home();
    kg.run("access grant bob -c prod -l write").success();
    kg.run("ssh-key generate prod").success();
    kg.tick(1);
    kg.run("ssh-key download prod --user bob").success();
    insta::assert_snapshot!(side_by_side(&mut kg, "ssh-key show prod"), @r#"
        --- table
        Cluster:       prod
        Fingerprint:   [FINGERPRINT]
        Type:          ed25519
        State:         downloaded
        Made:          2026-11-22T11:00:00Z, generated
        By:            olivia
        Taken:         2026-11-22T12:00:00Z
        Taken by:      bob
        Nodes:         <none>
        Public:        ssh-ed25519 [PUBLIC] kubegrant:prod
        [exit 0]
        --- wide
        Cluster:       prod
        Fingerprint:   [FINGERPRINT]
        Type:          ed25519
        State:         downloaded
        Made:          2026-11-22T11:00:00Z, generated
        By:            olivia
        Taken:         2026-11-22T12:00:00Z
        Taken by:      bob
        Nodes:         <none>
        Public:        ssh-ed25519 [PUBLIC] kubegrant:prod
        [exit 0]
        --- json
        {
          "cluster": "prod",
          "fingerprint": "[FINGERPRINT]",
          "type": "ed25519",
          "state": "downloaded",
          "origin": "generated",
          "made_at": "2026-11-22T11:00:00Z",
          "made_by": "olivia",
          "taken_at": "2026-11-22T12:00:00Z",
          "taken_by": "bob",
          "handed_out_by": "olivia",
          "public": "ssh-ed25519 [PUBLIC] kubegrant:prod",
          "nodes": [],
          "pending": []
        }
        [exit 0]
        --- yaml
        cluster: prod
        fingerprint: [FINGERPRINT]
        type: ed25519
        state: downloaded
        origin: generated
        made_at: "2026-11-22T11:00:00Z"
        made_by: olivia
        taken_at: "2026-11-22T12:00:00Z"
        taken_by: bob
        handed_out_by: olivia
        public: ssh-ed25519 [PUBLIC] kubegrant:prod
        nodes: []
        pending: []
        [exit 0]
        --- name
        ssh-key/prod
        [exit 0]
        "#);
}

#[test]
fn ssh_key_download() {
    let mut kg = home();
    kg.run("ssh-key generate prod").success();
    insta::assert_snapshot!(kg.run("ssh-key download prod -o json -q"), @r#"
        {
          "cluster": "prod",
          "fingerprint": "[FINGERPRINT]",
          "user": "olivia",
          "path": "[HOME]/work/ssh-key-prod.pem",
          "sealed": false,
          "taken_at": "2026-11-22T11:00:00Z",
          "nodes": []
        }
        [exit 0]
        "#);
    kg.run("ssh-key reset prod --yes").success();
    insta::assert_snapshot!(kg.run("ssh-key download prod -o yaml -q -f second"), @r#"
        cluster: prod
        fingerprint: [FINGERPRINT]
        user: olivia
        path: [HOME]/work/second
        sealed: false
        taken_at: "2026-11-22T11:00:00Z"
        nodes: []
        [exit 0]
        "#);
    kg.run("ssh-key reset prod --yes").success();
    insta::assert_snapshot!(kg.run("ssh-key download prod -o name -q -f third"), @r"
        ssh-key/prod
        [exit 0]
        ");
}
