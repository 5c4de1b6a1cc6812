//! What views are in JSON, as JSON Schema says it: made of the lines that declare their fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::output::Time;

/// Something that has a schema.
pub(crate) trait Schema {
    /// Its schema; the views that it refers to are put into `views`.
    fn schema(views: &mut Views) -> Value;

    /// The schema of a value that is left out where there is none.
    fn schema_of_present(views: &mut Views) -> Value {
        Self::schema(views)
    }
}

/// An object that has these fields and no others: what `shape!` declares.
pub(crate) trait Shape {
    /// The path of its module, and its name.
    const PLACE: (&'static str, &'static str);
    /// The lines of its doc comment.
    const ABOUT: &'static [&'static str];

    /// Adds its fields.
    fn fields(fields: &mut Fields<'_>);
}

/// The schemas of views, by their names.
#[derive(Debug, Default)]
pub(crate) struct Views(Map<String, Value>);

impl Views {
    /// Gives all of them, in the order of their names.
    pub(crate) fn into_schemas(self) -> Map<String, Value> {
        let mut views: Vec<(String, Value)> = self.0.into_iter().collect();
        views.sort_by(|(one, _), (other, _)| one.cmp(other));
        views.into_iter().collect()
    }
}

/// The fields of one view.
pub(crate) struct Fields<'v> {
    views: &'v mut Views,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Fields<'_> {
    /// Adds a field that is always there.
    pub(crate) fn always<T: Schema>(&mut self, name: &'static str, about: &[&str]) {
        let schema = T::schema(self.views);
        self.add(name, schema, about);
        self.required.push(name);
    }

    /// Adds a field that is left out where it has no value.
    pub(crate) fn sometimes<T: Schema>(&mut self, name: &'static str, about: &[&str]) {
        let schema = T::schema_of_present(self.views);
        self.add(name, schema, about);
    }

    fn add(&mut self, name: &str, mut schema: Value, about: &[&str]) {
        describe(&mut schema, about);
        self.properties.insert(name.to_owned(), schema);
    }
}

fn describe(schema: &mut Value, about: &[&str]) {
    let about = about.join("");
    let about = about.trim();
    if !about.is_empty() {
        schema["description"] = json!(about.trim_end_matches('.'));
    }
}

/// A view's name for all readers: `AccessOutcome` of `OutcomeView` in `views::access`, `Access` of `AccessView`.
fn name_of(module: &str, view: &str) -> String {
    let module = module.rsplit("::").next().unwrap_or(module);
    let words = module.split('_').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_ascii_uppercase() + rest
    });
    let module: String = words.collect();
    let view = view.trim_end_matches("View");
    if view.starts_with(&module) {
        view.to_owned()
    } else {
        module + view
    }
}

impl<T: Shape> Schema for T {
    fn schema(views: &mut Views) -> Value {
        let (module, view) = T::PLACE;
        let name = name_of(module, view);
        if !views.0.contains_key(&name) {
            let mut fields = Fields {
                views,
                properties: Map::new(),
                required: Vec::new(),
            };
            T::fields(&mut fields);
            let mut schema = json!({
                "type": "object",
                "additionalProperties": false,
                "required": fields.required,
                "properties": fields.properties,
            });
            describe(&mut schema, T::ABOUT);
            views.0.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}

impl<T: Schema> Schema for Option<T> {
    fn schema(views: &mut Views) -> Value {
        let mut schema = T::schema(views);
        if let Some(Value::String(one)) = schema.get("type") {
            schema["type"] = json!([one, "null"]);
            return schema;
        }
        any_of(&[schema, json!({ "type": "null" })])
    }

    fn schema_of_present(views: &mut Views) -> Value {
        T::schema(views)
    }
}

impl<T: Schema> Schema for Vec<T> {
    fn schema(views: &mut Views) -> Value {
        json!({ "type": "array", "items": T::schema(views) })
    }
}

impl<T: Schema> Schema for BTreeMap<String, T> {
    fn schema(views: &mut Views) -> Value {
        json!({ "type": "object", "additionalProperties": T::schema(views) })
    }
}

impl Schema for Value {
    fn schema(_: &mut Views) -> Value {
        json!({ "type": "object" })
    }
}

/// What has no parts: its types, and the schema of each.
macro_rules! simple {
    ($($($kind:ty),+ => $schema:tt;)+) => {
        $($(impl Schema for $kind {
            fn schema(_: &mut Views) -> Value {
                json!($schema)
            }
        })+)+
    };
}

simple! {
    String, &'static str => { "type": "string" };
    Time => { "type": "string", "format": "date-time" };
    bool => { "type": "boolean" };
    i64 => { "type": "integer" };
    u16, u32, u64, usize => { "type": "integer", "minimum": 0 };
}

/// The schema of what is one of these.
pub(crate) fn any_of(schemas: &[Value]) -> Value {
    json!({ "anyOf": schemas })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_named_after_its_module_unless_it_is_already() {
        for (module, view, name) in [
            ("kubegrant::cli::views::access", "AccessView", "Access"),
            (
                "kubegrant::cli::views::access",
                "OutcomeView",
                "AccessOutcome",
            ),
            ("kubegrant::cli::views::ssh_key", "NodeView", "SshKeyNode"),
            ("kubegrant::cli::views::left_out", "LeftOutView", "LeftOut"),
        ] {
            assert_eq!(name_of(module, view), name);
        }
    }

    #[test]
    fn what_may_be_nothing_says_so() {
        let views = &mut Views::default();
        let schema = Option::<String>::schema(views);
        assert_eq!(schema, json!({ "type": ["string", "null"] }));
        let schema = Option::<Vec<bool>>::schema_of_present(views);
        assert_eq!(
            schema,
            json!({ "type": "array", "items": { "type": "boolean" } })
        );
    }
}
