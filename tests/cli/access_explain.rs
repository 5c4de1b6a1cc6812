//! `kubegrant access explain`.

use kubegrant_sandbox::Sandbox;

use crate::home::Home;

#[test]
fn an_organization_role_is_a_path() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("access explain olivia -c prod"), @r"
        PATH                 GIVES     COUNTS   WHY
        organization owner   full      yes      'olivia' is organization owner
        cluster owner        nothing   no       'olivia' does not own cluster 'prod'
        project              nothing   no       the cluster is in no project
        grant                nothing   no       'olivia' has no grant
        role binding         nothing   no       'olivia' has no role binding
        access               full      -        'olivia' has full on cluster 'prod'
        kubeconfig           yes       -        the next download issues a version
        [exit 0]
    ");
}

#[test]
fn ownership_is_a_path() {
    let mut kg = Home::new();
    kg.run("cluster transfer prod --to alice --yes").success();
    kg.run("access grant bob -c prod -l read").success();
    insta::assert_snapshot!(kg.run("access explain alice -c prod"), @r"
        PATH                GIVES     COUNTS   WHY
        organization role   nothing   no       'alice' is organization developer
        cluster owner       write     yes      'alice' owns cluster 'prod'
        project             nothing   no       the cluster is in no project
        grant               nothing   no       'alice' has no grant
        role binding        nothing   no       'alice' has no role binding
        access              write     -        'alice' has write on cluster 'prod'
        kubeconfig          yes       -        the next download issues a version
        [exit 0]
    ");
    // The owner may ask about others.
    kg.run_as("alice", "access explain bob -c prod").success();
}

#[test]
fn a_grant_is_a_path_until_it_ends() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l write --for 8h")
        .success();
    insta::assert_snapshot!(kg.run("access explain alice -c prod"), @r"
        PATH                GIVES     COUNTS   WHY
        organization role   nothing   no       'alice' is organization developer
        cluster owner       nothing   no       'alice' does not own cluster 'prod'
        project             nothing   no       the cluster is in no project
        grant               write     yes      'alice' was granted write until 2026-11-22T18:00:00Z
        role binding        nothing   no       'alice' has no role binding
        access              write     -        'alice' has write on cluster 'prod'
        kubeconfig          yes       -        the next download issues a version
        [exit 0]
    ");
    kg.tick(9);
    insta::assert_snapshot!(kg.run("access explain alice -c prod"), @r"
        PATH                GIVES     COUNTS   WHY
        organization role   nothing   no       'alice' is organization developer
        cluster owner       nothing   no       'alice' does not own cluster 'prod'
        project             nothing   no       the cluster is in no project
        grant               nothing   no       the write grant of 'alice' ended on 2026-11-22T18:00:00Z
        role binding        nothing   no       'alice' has no role binding
        access              none      -        'alice' has none on cluster 'prod'
        kubeconfig          refused   -        'alice' has no access to cluster 'prod'
        [exit 0]
    ");
}

#[test]
fn a_stranger_has_nothing() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("access explain alice -c prod"), @r"
        PATH                GIVES     COUNTS   WHY
        organization role   nothing   no       'alice' is organization developer
        cluster owner       nothing   no       'alice' does not own cluster 'prod'
        project             nothing   no       the cluster is in no project
        grant               nothing   no       'alice' has no grant
        role binding        nothing   no       'alice' has no role binding
        access              none      -        'alice' has none on cluster 'prod'
        kubeconfig          refused   -        'alice' has no access to cluster 'prod'
        [exit 0]
    ");
}

#[test]
fn a_block_an_archive_and_a_disabled_user_are_rules_that_refuse() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("team revoke alice -c prod --yes").success();
    kg.run("access explain alice -c prod")
        .success()
        .says("Access Revoked: an admin revoked the kubeconfig of 'alice'");
    kg.run("cluster archive prod --yes").success();
    kg.run("access explain alice -c prod")
        .success()
        .says("cluster 'prod' is archived");
    kg.run("user disable alice --yes").success();
    insta::assert_snapshot!(kg.run("access explain alice -c prod"), @r"
        PATH                GIVES     COUNTS   WHY
        disabled            nothing   no       'alice' is disabled and has nothing
        organization role   nothing   no       'alice' is organization developer
        cluster owner       nothing   no       'alice' does not own cluster 'prod'
        project             nothing   no       the cluster is in no project
        grant               nothing   no       'alice' was granted read
        role binding        nothing   no       'alice' has no role binding
        access              none      -        'alice' has none on cluster 'prod'
        kubeconfig          refused   -        'alice' has no access to cluster 'prod'
        [exit 0]
    ");
}

#[test]
fn the_api_server_is_asked_about_the_live_credential() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.grant_and_download("bob", "write");
    let mut answer = |user: &str, question: &str| {
        let ran = kg.run(&format!("access explain {user} -c prod {question} -o json"));
        ran.success().json()["answer"]["allowed"].as_bool()
    };
    assert_eq!(answer("alice", "get pods -n default"), Some(true));
    assert_eq!(answer("alice", "get pods"), Some(true));
    assert_eq!(
        answer("alice", "delete deployments -n default"),
        Some(false)
    );
    assert_eq!(answer("alice", "get secrets -n default"), Some(false));
    assert_eq!(answer("bob", "delete deployments -n default"), Some(true));
    assert_eq!(answer("bob", "create pods/exec -n default"), Some(true));
    assert_eq!(
        answer("bob", "delete deployments -n kube-system"),
        Some(false)
    );
    assert_eq!(answer("bob", "delete deployments"), Some(false));
    assert_eq!(answer("olivia", "get pods"), None);
    insta::assert_snapshot!(kg.run("access explain bob -c prod delete deployments -n default"), @r#"
    PATH                GIVES     COUNTS   WHY
    organization role   nothing   no       'bob' is organization developer
    cluster owner       nothing   no       'bob' does not own cluster 'prod'
    project             nothing   no       the cluster is in no project
    grant               write     yes      'bob' was granted write
    role binding        nothing   no       'bob' has no role binding
    access              write     -        'bob' has write on cluster 'prod'
    kubeconfig          yes       -        version 1 is live
    API server          yes       -        delete deployments in namespace 'default': RBAC: allowed by RoleBinding "kubegrant:[INSTALLATION]:edit/default" of ClusterRole "edit" to ServiceAccount "bob-[HEX]-v1/kubegrant-users"
    [exit 0]
    "#);
    insta::assert_snapshot!(kg.run("access explain olivia -c prod get pods"), @r"
        PATH                 GIVES       COUNTS   WHY
        organization owner   full        yes      'olivia' is organization owner
        cluster owner        nothing     no       'olivia' does not own cluster 'prod'
        project              nothing     no       the cluster is in no project
        grant                nothing     no       'olivia' has no grant
        role binding         nothing     no       'olivia' has no role binding
        access               full        -        'olivia' has full on cluster 'prod'
        kubeconfig           yes         -        the next download issues a version
        API server           not asked   -        get pods everywhere: there is no live credential to ask about
        [exit 0]
    ");
}

#[test]
fn without_a_question_the_cluster_is_not_asked() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.sandbox.clear_requests();
    kg.run("access explain alice -c prod").success();
    assert!(kg.sandbox.requests().is_empty());
    kg.sandbox.stop();
    kg.run("access explain alice -c prod get pods").exit(8);
}

#[test]
fn everybody_may_ask_about_themselves_and_nobody_about_a_hidden_cluster() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run_as("alice", "access explain alice -c prod"), @r"
        ----- stderr -----
        error: no cluster 'prod'
        [exit 3]
        ");
    kg.run("access grant alice -c prod -l read").success();
    kg.run_as("alice", "access explain alice -c prod").success();
    insta::assert_snapshot!(kg.run_as("alice", "access explain bob -c prod"), @r"
        ----- stderr -----
        error: 'alice' may not ask about others' access on cluster 'prod': organization owners and admins, and the cluster's owner may

        hint: ask 'olivia'
        [exit 4]
        ");
    insta::assert_snapshot!(kg.run_as("alice", "access explain nobody -c prod"), @r"
        ----- stderr -----
        error: 'alice' may not ask about others' access on cluster 'prod': organization owners and admins, and the cluster's owner may

        hint: ask 'olivia'
        [exit 4]
        ");
}

#[test]
fn a_developer_with_a_question_is_told_who_can_ask_it() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    insta::assert_snapshot!(kg.run_as("alice", "access explain alice -c prod get pods"), @r"
        PATH                GIVES       COUNTS   WHY
        organization role   nothing     no       'alice' is organization developer
        cluster owner       nothing     no       'alice' does not own cluster 'prod'
        project             nothing     no       the cluster is in no project
        grant               read        yes      'alice' was granted read
        role binding        nothing     no       'alice' has no role binding
        access              read        -        'alice' has read on cluster 'prod'
        kubeconfig          yes         -        version 1 is live
        API server          not asked   -        get pods everywhere: your key does not open the manager login: ask 'olivia' to run this for you
        [exit 0]
    ");
}

#[test]
fn a_question_needs_a_resource() {
    let mut kg = Home::new();
    kg.run("access explain alice -c prod get").exit(2);
    kg.run("access explain alice -c prod -n default").exit(2);
    kg.run("access explain alice -c prod get \"pods;x\"")
        .exit(2);
}

#[test]
fn the_shape_for_machines() {
    let mut kg = Home::with(Sandbox::builder());
    kg.grant_and_download("alice", "read");
    insta::assert_snapshot!(kg.run("access explain alice -c prod get pods -n default -o json"), @r#"
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
          "what": "'alice' was granted read"
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
      "live_version": 1,
      "answer": {
        "question": "get pods in namespace 'default'",
        "allowed": true,
        "reason": "RBAC: allowed by ClusterRoleBinding \"kubegrant:[INSTALLATION]:view\" of ClusterRole \"view\" to ServiceAccount \"alice-[HEX]-v1/kubegrant-users\""
      }
    }
    [exit 0]
    "#);
}
