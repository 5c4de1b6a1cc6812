//! Holds JSON against the schemas of `openapi.json`: as much of JSON Schema as they use.

use serde_json::{Map, Value};

/// A document with schemas in it.
pub(crate) struct Schemas(pub(crate) Value);

impl Schemas {
    /// What is referred to; everything else is itself.
    pub(crate) fn resolved<'s>(&'s self, it: &'s Value) -> &'s Value {
        let Some(path) = it["$ref"].as_str() else {
            return it;
        };
        let named = path.strip_prefix('#').and_then(|path| self.0.pointer(path));
        named.unwrap_or_else(|| panic!("there is no {path}"))
    }

    /// What is wrong with a value: nothing, if it is what the schema says. A schema with a word that is not
    /// known here fails the test, as nobody would hold anything against it.
    pub(crate) fn faults(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let words = schema.as_object().unwrap_or_else(|| panic!("{schema}"));
        for (word, wanted) in words {
            match word.as_str() {
                "description" | "properties" | "default" => {}
                "$ref" => {
                    faults.extend(self.faults(self.resolved(schema), value, at));
                }
                "type" => {
                    if !has_type(wanted, value) {
                        faults.push(format!("{at}: {value} is not {wanted}"));
                    }
                }
                "format" => {
                    assert_eq!(wanted, "date-time");
                    let text = value.as_str();
                    if text.is_some_and(|it| chrono::DateTime::parse_from_rfc3339(it).is_err()) {
                        faults.push(format!("{at}: {value} is no time"));
                    }
                }
                "minimum" => {
                    if value.as_f64() < wanted.as_f64() && value.is_number() {
                        faults.push(format!("{at}: {value} is below {wanted}"));
                    }
                }
                "enum" => {
                    if !wanted.as_array().is_some_and(|all| all.contains(value)) {
                        faults.push(format!("{at}: {value} is none of {wanted}"));
                    }
                }
                "required" => {
                    for name in texts(wanted) {
                        if value.as_object().is_some_and(|it| !it.contains_key(name)) {
                            faults.push(format!("{at}: {name} is missing"));
                        }
                    }
                }
                "additionalProperties" => {
                    faults.extend(self.additional(words, wanted, value, at));
                }
                "items" => {
                    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                        faults.extend(self.faults(wanted, item, &format!("{at}[{number}]")));
                    }
                }
                "allOf" => {
                    for one in wanted.as_array().expect("schemas") {
                        faults.extend(self.faults(one, value, at));
                    }
                }
                "anyOf" => faults.extend(self.none_of(wanted, value, at)),
                other => panic!("{at}: nobody knows the word {other} of a schema"),
            }
        }
        let known = schema["properties"].as_object().into_iter().flatten();
        for (name, of_one) in known {
            if let Some(inner) = value.get(name) {
                faults.extend(self.faults(of_one, inner, &format!("{at}.{name}")));
            }
        }
        faults
    }

    fn additional(
        &self,
        words: &Map<String, Value>,
        wanted: &Value,
        value: &Value,
        at: &str,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let known = words.get("properties").unwrap_or(&Value::Null);
        for (name, inner) in value.as_object().into_iter().flatten() {
            if known.get(name).is_some() {
                continue;
            }
            if *wanted == Value::Bool(false) {
                faults.push(format!("{at}: {name} is not known"));
            } else {
                faults.extend(self.faults(wanted, inner, &format!("{at}.{name}")));
            }
        }
        faults
    }

    /// Why a value is none of these: nothing, if it is one of them.
    fn none_of(&self, schemas: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut all = Vec::new();
        for one in schemas.as_array().expect("schemas") {
            let faults = self.faults(one, value, at);
            if faults.is_empty() {
                return faults;
            }
            all.extend(faults);
        }
        all
    }
}

fn texts(names: &Value) -> impl Iterator<Item = &str> {
    names
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Whether a value is of a type, or of one of several.
fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("nobody knows the type {other}"),
    };
    match wanted {
        Value::String(name) => is(name),
        names => texts(names).any(is),
    }
}

mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_the_schema_says_is_found() {
        let pair = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["name", "at"],
            "properties": {
                "name": { "type": "string" },
                "at": { "type": ["string", "null"], "format": "date-time" },
                "count": { "type": "integer", "minimum": 0 },
                "level": { "enum": ["read", "write"] },
                "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                "more": { "anyOf": [{ "$ref": "#/pair" }, { "type": "null" }] },
                "all": { "type": "array", "items": { "$ref": "#/pair" } },
            },
        });
        let schemas = Schemas(json!({ "pair": pair }));
        let reference = json!({ "$ref": "#/pair" });
        let faults = |value: &Value| schemas.faults(&reference, value, "it");
        let good = json!({ "name": "a", "at": null });
        for good in [
            good.clone(),
            json!({
                "name": "a", "at": "2026-11-22T10:00:00Z", "count": 0, "level": "read",
                "labels": { "a": "b" }, "more": good, "all": [good, good],
            }),
            json!({ "name": "a", "at": null, "more": null, "all": [] }),
        ] {
            assert_eq!(faults(&good), Vec::<String>::new());
        }
        for (bad, fault) in [
            (json!([]), "it: [] is not \"object\""),
            (json!({ "name": "a" }), "it: at is missing"),
            (
                json!({ "name": 1, "at": null }),
                "it.name: 1 is not \"string\"",
            ),
            (
                json!({ "name": "a", "at": "now" }),
                "it.at: \"now\" is no time",
            ),
            (
                json!({ "name": "a", "at": null, "new": 1 }),
                "it: new is not known",
            ),
            (
                json!({ "name": "a", "at": null, "count": -1 }),
                "it.count: -1 is below 0",
            ),
            (
                json!({ "name": "a", "at": null, "count": 0.5 }),
                "it.count: 0.5 is not \"integer\"",
            ),
            (
                json!({ "name": "a", "at": null, "level": "all" }),
                "it.level: \"all\" is none of [\"read\",\"write\"]",
            ),
            (
                json!({ "name": "a", "at": null, "labels": { "a": null } }),
                "it.labels.a: null is not \"string\"",
            ),
            (
                json!({ "name": "a", "at": null, "all": [{ "name": "b", "at": null }, { "name": "b" }] }),
                "it.all[1]: at is missing",
            ),
        ] {
            assert_eq!(faults(&bad), [fault]);
        }
        let bad = json!({ "name": "a", "at": null, "more": { "name": "b" } });
        let found = [
            "it.more: at is missing",
            "it.more: {\"name\":\"b\"} is not \"null\"",
        ];
        assert_eq!(faults(&bad), found);
    }

    #[test]
    fn all_parts_must_agree() {
        let schemas = Schemas(json!({}));
        let schema = json!({ "allOf": [
            { "type": "object", "additionalProperties": false, "properties": { "data": {} } },
            { "properties": { "data": { "type": "boolean" } } },
        ] });
        let faults = |value: &Value| schemas.faults(&schema, value, "it").len();
        assert_eq!(faults(&json!({ "data": true })), 0);
        assert_eq!(faults(&json!({ "data": 1 })), 1);
        assert_eq!(faults(&json!({ "data": 1, "more": 2 })), 2);
    }

    #[test]
    #[should_panic(expected = "nobody knows the word pattern of a schema")]
    fn a_word_that_nobody_holds_anything_against_is_no_schema() {
        let schemas = Schemas(json!({}));
        schemas.faults(&json!({ "pattern": "a" }), &json!("b"), "it");
    }
}
