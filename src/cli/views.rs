//! What is shown: frozen shapes. Fields are added, never renamed or retyped.

/// Declares a frozen shape: the name and type of each field for machines and where its value comes
/// from, in one line. What several of them need is said before them, with `let`.
macro_rules! frozen {
    (
        $(#[$about:meta])*
        $visible:vis struct $view:ident from $source:ident: $of:ty { $($rest:tt)+ }
    ) => {
        frozen!(@ ($(#[$about])* $visible $view $source [$of]) () $($rest)+);
    };
    (@ $head:tt ($($given:tt)*) let $name:pat = $value:expr; $($rest:tt)+) => {
        frozen!(@ $head ($($given)* let $name = $value;) $($rest)+);
    };
    (
        @ ($(#[$about:meta])* $visible:vis $view:ident $source:ident [$of:ty]) ($($given:tt)*)
        $($(#[$how:meta])* $field:ident: $kind:ty = $value:expr,)+
    ) => {
        $(#[$about])*
        #[derive(serde::Serialize)]
        $visible struct $view {
            $($(#[$how])* $field: $kind,)+
        }

        impl From<$of> for $view {
            fn from($source: $of) -> Self {
                $($given)*
                Self { $($field: $value,)+ }
            }
        }
    };
}

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod cluster;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod kubeconfig;
pub(crate) mod left_out;
pub(crate) mod lifecycle;
pub(crate) mod login;
pub(crate) mod offboard;
pub(crate) mod open;
pub(crate) mod organization;
pub(crate) mod plan;
pub(crate) mod project;
pub(crate) mod provider;
pub(crate) mod rbac;
pub(crate) mod reconcile;
pub(crate) mod rotation;
pub(crate) mod session;
pub(crate) mod share;
pub(crate) mod ssh_key;
pub(crate) mod status;
pub(crate) mod team;
pub(crate) mod user;
pub(crate) mod whoami;
pub(crate) mod whose;
