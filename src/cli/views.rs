//! What is shown: frozen shapes. Fields are added, never renamed or retyped.

/// Says the words of doc comments, among other attributes.
macro_rules! docs {
    ([$($line:literal)*]) => { &[$($line),*] };
    ([$($line:literal)*] #[doc = $next:literal] $($rest:tt)*) => {
        docs!([$($line)* $next] $($rest)*)
    };
    ([$($line:literal)*] #[$($other:tt)*] $($rest:tt)*) => { docs!([$($line)*] $($rest)*) };
}

/// Says what a field is in JSON, as its attributes for serde have it. One that is not known here does
/// not compile.
macro_rules! field {
    ($fields:ident $name:expr, $kind:ty, [$($line:literal)*]) => {
        $fields.always::<$kind>($name, &[$($line),*])
    };
    ($fields:ident $name:expr, $kind:ty, [$($line:literal)*] #[doc = $next:literal] $($rest:tt)*) => {
        field!($fields $name, $kind, [$($line)* $next] $($rest)*)
    };
    ($fields:ident $name:expr, $kind:ty, $about:tt #[serde(rename = $other:literal)] $($rest:tt)*) => {
        field!($fields $other, $kind, $about $($rest)*)
    };
    ($fields:ident $name:expr, $kind:ty, $about:tt #[serde(skip)]) => {};
    ($fields:ident $name:expr, $kind:ty, $about:tt #[serde(flatten)]) => {
        <$kind as $crate::cli::schema::Shape>::fields($fields)
    };
    (
        $fields:ident $name:expr, $kind:ty, [$($line:literal)*]
        #[serde(skip_serializing_if = $when:literal)]
    ) => {
        $fields.sometimes::<$kind>($name, &[$($line),*])
    };
}

/// Declares a shape: the name and type of each field for machines, and from the same line what
/// `openapi.json` says of it.
macro_rules! shape {
    (
        $(#[$($about:tt)*])*
        $visible:vis struct $view:ident { $($(#[$($how:tt)*])* $field:ident: $kind:ty,)+ }
    ) => {
        $(#[$($about)*])*
        #[derive(serde::Serialize)]
        $visible struct $view {
            $($(#[$($how)*])* $field: $kind,)+
        }

        impl $crate::cli::schema::Shape for $view {
            const PLACE: (&'static str, &'static str) = (module_path!(), stringify!($view));
            const ABOUT: &'static [&'static str] = docs!([] $(#[$($about)*])*);

            fn fields(fields: &mut $crate::cli::schema::Fields<'_>) {
                $(field!(fields stringify!($field), $kind, [] $(#[$($how)*])*);)+
            }
        }
    };
}

/// Declares a frozen shape: the name and type of each field for machines and where its value comes
/// from, in one line. What several of them need is said before them, with `let`.
macro_rules! frozen {
    (
        $(#[$($about:tt)*])*
        $visible:vis struct $view:ident from $source:ident: $of:ty { $($rest:tt)+ }
    ) => {
        frozen!(@ ($(#[$($about)*])* $visible $view $source [$of]) () $($rest)+);
    };
    (@ $head:tt ($($given:tt)*) let $name:pat = $value:expr; $($rest:tt)+) => {
        frozen!(@ $head ($($given)* let $name = $value;) $($rest)+);
    };
    (
        @ ($(#[$($about:tt)*])* $visible:vis $view:ident $source:ident [$of:ty]) ($($given:tt)*)
        $($(#[$($how:tt)*])* $field:ident: $kind:ty = $value:expr,)+
    ) => {
        shape! {
            $(#[$($about)*])*
            $visible struct $view {
                $($(#[$($how)*])* $field: $kind,)+
            }
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
pub(crate) mod doctor;
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
pub(crate) mod store;
pub(crate) mod team;
pub(crate) mod user;
pub(crate) mod whoami;
pub(crate) mod whose;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::cli::schema::{Schema, Views};

    shape! {
        /// Something.
        #[derive(Default)]
        struct InnerView {
            number: u32,
        }
    }

    shape! {
        #[derive(Default)]
        struct OuterView {
            #[serde(flatten)]
            inner: InnerView,
            /// What it is called,
            /// by others.
            #[serde(rename = "type")]
            kind: Option<&'static str>,
            #[serde(skip)]
            hidden: String,
            /// Not always.
            #[serde(skip_serializing_if = "Option::is_none")]
            more: Option<Vec<InnerView>>,
        }
    }

    #[test]
    fn a_schema_says_what_serde_writes() {
        let mut views = Views::default();
        let schema = OuterView::schema(&mut views);
        assert_eq!(schema, json!({ "$ref": "#/components/schemas/TestsOuter" }));
        let views = views.into_schemas();
        let outer = &views["TestsOuter"];
        assert_eq!(
            *outer,
            json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["number", "type"],
                "properties": {
                    "number": { "type": "integer", "minimum": 0 },
                    "type": {
                        "type": ["string", "null"], "description": "What it is called, by others",
                    },
                    "more": {
                        "type": "array",
                        "items": { "$ref": "#/components/schemas/TestsInner" },
                        "description": "Not always",
                    },
                },
            })
        );
        assert_eq!(views["TestsInner"]["description"], "Something");
        let written = |more| {
            let view = OuterView {
                more,
                ..OuterView::default()
            };
            assert!(view.hidden.is_empty());
            serde_json::to_value(view).expect("JSON")
        };
        let names = |value: &Value| -> Vec<String> {
            let fields = value.as_object().expect("an object");
            fields.keys().cloned().collect()
        };
        assert_eq!(names(&written(Some(vec![]))), names(&outer["properties"]));
        assert_eq!(names(&written(None)), ["number", "type"]);
    }
}
