//! Whole runs, in process: a made-up world, a real SQLite file, and a sandbox for a cluster.

mod access_explain;
mod access_grant;
mod access_revoke;
mod audit;
mod cluster;
mod cluster_add;
mod completion;
mod dry_run;
mod failures;
mod formats;
mod generated;
mod home;
mod init;
mod kubeconfig_download;
mod kubeconfig_rotate;
mod reconcile;
mod secrecy;
mod team_list;
mod team_restore;
mod team_revoke;
mod team_rotate;
mod tidy;
mod twice;
mod user;
mod whoami;
