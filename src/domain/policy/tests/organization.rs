//! The rules of the organization and of projects.

use super::*;

const ORGANIZATION: &str = include_str!("../../../../tests/policy-organization.spec");

const PROJECT: &str = include_str!("../../../../tests/policy-project.spec");

#[test]
fn every_cell_of_the_organization_rules_is_as_the_spec_says() {
    let (header, rows) = rows(ORGANIZATION);
    let mut seen = 0;
    for row in &rows {
        let role = |word: &str| word.parse::<Role>().expect("a role of the spec");
        let action = match row[..row.len() - 3] {
            ["list-users"] => OrganizationAction::ListUsers,
            ["team"] => OrganizationAction::Team,
            ["read-audit"] => OrganizationAction::ReadAudit,
            ["register-cluster"] => OrganizationAction::RegisterCluster,
            ["manage-projects"] => OrganizationAction::ManageProjects,
            ["act-as"] => OrganizationAction::ActAs,
            ["forget-cluster"] => OrganizationAction::ForgetCluster,
            ["backup"] => OrganizationAction::Backup,
            ["restore"] => OrganizationAction::Restore,
            ["set-provider"] => OrganizationAction::SetProvider,
            ["manage-user", of] => OrganizationAction::ManageUser(role(of)),
            ["set-role", from, to] => OrganizationAction::SetRole {
                from: role(from),
                to: role(to),
            },
            _ => panic!("the spec names no such action: {row:?}"),
        };
        for asker in [Role::Developer, Role::Admin, Role::Owner] {
            for active in [true, false] {
                let outcome = in_organization(
                    Actor {
                        role: asker,
                        active,
                    },
                    action,
                );
                let want = if active {
                    cell(&header, row, asker.as_str())
                } else {
                    "disabled"
                };
                assert_eq!(outcome_word(outcome), want, "{row:?} asked by {asker}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, (10 + 3 + 9) * 3 * 2);
}

#[test]
fn every_cell_of_the_project_rules_is_as_the_spec_says() {
    let (header, rows) = rows(PROJECT);
    assert_eq!(
        rows.len(),
        ProjectAction::ALL.len(),
        "every action has its row"
    );
    let members = [
        ("owner", Some(ProjectRole::Owner)),
        ("editor", Some(ProjectRole::Editor)),
        ("viewer", Some(ProjectRole::Viewer)),
        ("none", None),
    ];
    let mut seen = 0;
    for action in ProjectAction::ALL {
        let word = match action {
            ProjectAction::See => "see",
            ProjectAction::Members => "members",
            ProjectAction::Rotate => "rotate",
            ProjectAction::Revoke => "revoke",
            ProjectAction::Manage => "manage",
        };
        let row = rows
            .iter()
            .find(|row| row[0] == word)
            .expect("every action has its row");
        for asker in [Role::Developer, Role::Admin, Role::Owner] {
            for (column, role) in members {
                for active in [true, false] {
                    let outcome = in_project(
                        Actor {
                            role: asker,
                            active,
                        },
                        action,
                        role,
                    );
                    let column = match asker {
                        Role::Owner => "organization-owner",
                        Role::Admin => "organization-admin",
                        Role::Developer | Role::Server => column,
                    };
                    let want = if active {
                        cell(&header, row, column)
                    } else {
                        "disabled"
                    };
                    assert_eq!(
                        outcome_word(outcome),
                        want,
                        "{word}: {asker} {role:?} {active}"
                    );
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 5 * 3 * 4 * 2);
}
