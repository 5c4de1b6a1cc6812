//! The shapes of projects.

use super::side_by_side;
use crate::project::{shop, take};

#[test]
fn project_list_and_show() {
    let mut kg = shop();
    take(&mut kg, "alice");
    kg.run("project revoke shop --yes").success();
    take(&mut kg, "bob");
    insta::assert_snapshot!(side_by_side(&mut kg, "project list"), @r#"
    --- table
    NAME   MEMBERS   CLUSTERS   YOUR ROLE   AGE
    shop   2         1          <none>      2026-11-22T10:00:00Z
    [exit 0]
    --- wide
    NAME   MEMBERS   CLUSTERS   YOUR ROLE   AGE                    DESCRIPTION
    shop   2         1          <none>      2026-11-22T10:00:00Z   the web shop
    [exit 0]
    --- json
    [
      {
        "name": "shop",
        "description": "the web shop",
        "members": 2,
        "clusters": 1,
        "your_role": null,
        "created_at": "2026-11-22T10:00:00Z"
      }
    ]
    [exit 0]
    --- yaml
    - name: shop
      description: the web shop
      members: 2
      clusters: 1
      your_role: null
      created_at: "2026-11-22T10:00:00Z"
    [exit 0]
    --- name
    project/shop
    [exit 0]
    "#);
    insta::assert_snapshot!(side_by_side(&mut kg, "project show shop"), @r#"
    --- table
    Name:                  shop
    Description:           the web shop
    Your role:             <none>
    Made:                  2026-11-22T10:00:00Z
    Clusters:              prod
    Members:               alice (owner)
                           bob (viewer)
    Shared:                prod read: version 1 (active), held by bob
                           prod admin: version 1 (revoked), was held by alice
    Must download again:   prod admin: alice
    [exit 0]
    --- wide
    Name:                  shop
    Description:           the web shop
    Your role:             <none>
    Made:                  2026-11-22T10:00:00Z
    Clusters:              prod
    Members:               alice (owner)
                           bob (viewer)
    Shared:                prod read: version 1 (active), held by bob
                           prod admin: version 1 (revoked), was held by alice
    Must download again:   prod admin: alice
    [exit 0]
    --- json
    {
      "name": "shop",
      "description": "the web shop",
      "your_role": null,
      "created_at": "2026-11-22T10:00:00Z",
      "members": [
        {
          "user": "alice",
          "role": "owner",
          "active": true,
          "added_at": "2026-11-22T10:00:00Z"
        },
        {
          "user": "bob",
          "role": "viewer",
          "active": true,
          "added_at": "2026-11-22T10:00:00Z"
        }
      ],
      "clusters": [
        "prod"
      ],
      "shared": [
        {
          "cluster": "prod",
          "level": "read",
          "version": 1,
          "state": "active",
          "issued_at": "2026-11-22T10:00:00Z",
          "expires_at": "2026-12-22T10:00:00Z",
          "ended_because": null,
          "holders": [
            "bob"
          ],
          "must_download_again": [],
          "ended_and_not_yet_gone": [],
          "kept_by": []
        },
        {
          "cluster": "prod",
          "level": "admin",
          "version": 1,
          "state": "revoked",
          "issued_at": "2026-11-22T10:00:00Z",
          "expires_at": "2026-12-22T10:00:00Z",
          "ended_because": "revoked",
          "holders": [
            "alice"
          ],
          "must_download_again": [
            "alice"
          ],
          "ended_and_not_yet_gone": [],
          "kept_by": []
        }
      ]
    }
    [exit 0]
    --- yaml
    name: shop
    description: the web shop
    your_role: null
    created_at: "2026-11-22T10:00:00Z"
    members:
    - user: alice
      role: owner
      active: true
      added_at: "2026-11-22T10:00:00Z"
    - user: bob
      role: viewer
      active: true
      added_at: "2026-11-22T10:00:00Z"
    clusters:
    - prod
    shared:
    - cluster: prod
      level: read
      version: 1
      state: active
      issued_at: "2026-11-22T10:00:00Z"
      expires_at: "2026-12-22T10:00:00Z"
      ended_because: null
      holders:
      - bob
      must_download_again: []
      ended_and_not_yet_gone: []
      kept_by: []
    - cluster: prod
      level: admin
      version: 1
      state: revoked
      issued_at: "2026-11-22T10:00:00Z"
      expires_at: "2026-12-22T10:00:00Z"
      ended_because: revoked
      holders:
      - alice
      must_download_again:
      - alice
      ended_and_not_yet_gone: []
      kept_by: []
    [exit 0]
    --- name
    project/shop
    [exit 0]
    "#);
}

#[test]
fn project_changes() {
    let mut kg = shop();
    take(&mut kg, "bob");
    insta::assert_snapshot!(kg.run("project rotate shop --yes -o json"), @r#"
    [
      {
        "cluster": "prod",
        "kubeconfig": "shop/read",
        "ended_version": 1,
        "version": 2,
        "applied": true,
        "must_download_again": [
          "bob"
        ]
      }
    ]
    ----- stderr -----
    Version 1 of 'shop/read' on cluster 'prod' was held by 'bob': they must download again.
    Version 1 of 'shop/read' no longer works on cluster 'prod' (read back).
    [exit 0]
    "#);
    take(&mut kg, "bob");
    let line = "project set-role bob --project shop --role editor -o json";
    insta::assert_snapshot!(kg.run(line), @r#"
    {
      "project": "shop",
      "user": "bob",
      "role": "editor",
      "changed": true,
      "applied": true,
      "clusters": [
        "prod"
      ],
      "ended": [],
      "kept": []
    }
    ----- stderr -----
    'bob' is editor of project 'shop'.
    [exit 0]
    "#);
    let line = "project remove-member bob --project shop --yes -o yaml";
    insta::assert_snapshot!(kg.run(line), @r"
    project: shop
    user: bob
    role: null
    changed: true
    applied: true
    clusters:
    - prod
    ended:
    - cluster: prod
      kubeconfig: shop/read
      ended_version: 2
      version: 3
      applied: true
      must_download_again: []
    kept: []
    ----- stderr -----
    'bob' is no member of project 'shop' any more.
    Version 2 of 'shop/read' no longer works on cluster 'prod' (read back).
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("project revoke shop --yes -o name"), @r"
    kubeconfig/shop/read@prod-v3
    ----- stderr -----
    Version 3 of 'shop/read' no longer works on cluster 'prod' (read back).
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("project rename shop --to store -o json"), @r#"
    {
      "name": "store",
      "description": "the web shop",
      "created_at": "2026-11-22T10:00:00Z"
    }
    ----- stderr -----
    Project 'shop' is now 'store'.
    [exit 0]
    "#);
}
