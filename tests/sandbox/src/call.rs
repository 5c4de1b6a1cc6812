//! One request, parsed the way kube-apiserver parses it.

use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use serde_json::Value;

use crate::protobuf;
use crate::resource::{self, Resource};
use crate::status::Status;
use crate::user::Attributes;

const JSON_TYPES: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// A request with everything the handlers look at.
pub(crate) struct Call {
    /// The HTTP method.
    pub(crate) method: String,
    /// The path, decoded.
    pub(crate) path: String,
    /// The query, decoded, in order.
    query: Vec<(String, String)>,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The client certificate of the connection, DER.
    pub(crate) certificate: Option<Arc<Vec<u8>>>,
    /// Which of the API servers it came to.
    pub(crate) server: usize,
    /// What the request asks of the authorizer.
    pub(crate) attributes: Attributes,
    /// API version in the path; empty for other paths.
    pub(crate) version: String,
}

impl Call {
    /// Parses a request.
    pub(crate) fn new(parts: Parts, body: Vec<u8>, certificate: Option<Arc<Vec<u8>>>) -> Call {
        let path = decode(parts.uri.path(), false);
        let query: Vec<(String, String)> = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key, true), decode(value, true))
            })
            .collect();
        let mut call = Call {
            method: parts.method.as_str().to_owned(),
            path,
            query,
            headers: parts.headers,
            body,
            certificate,
            server: 0,
            attributes: Attributes::default(),
            version: String::new(),
        };
        call.read_path();
        call
    }

    /// The value of a query parameter; empty when it is absent.
    pub(crate) fn query(&self, key: &str) -> &str {
        self.query
            .iter()
            .find(|(own, _)| own == key)
            .map_or("", |(_, value)| value)
    }

    /// Whether a query parameter says yes.
    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(self.query(key), "true" | "1")
    }

    /// Whether nothing may be stored.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.query("dryRun") == "All"
    }

    /// The value of a header; empty when it is absent or no text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The media type of the body, without parameters.
    pub(crate) fn content_type(&self) -> &str {
        self.header("content-type")
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
    }

    /// Who is written down as the manager of the fields.
    pub(crate) fn field_manager(&self) -> String {
        let asked = self.query("fieldManager");
        if !asked.is_empty() {
            return asked.to_owned();
        }
        let agent = self
            .header("user-agent")
            .split('/')
            .next()
            .unwrap_or_default();
        if agent.is_empty() {
            "unknown".to_owned()
        } else {
            agent.to_owned()
        }
    }

    /// The resource of the path. Fails with 404 when the server has none there.
    pub(crate) fn resource(&self) -> Result<&'static Resource, Status> {
        let wanted = &self.attributes;
        resource::find(
            &wanted.group,
            &self.version,
            &wanted.resource,
            &wanted.subresource,
        )
        .ok_or_else(Status::no_such_resource)
    }

    /// The body as an object of a kind. Fails with 400 or 415 like a real server.
    pub(crate) fn object(&self, api_version: &str, kind: &str) -> Result<Value, Status> {
        let object: Value = match self.content_type() {
            "" | "application/json" => {
                serde_json::from_slice(&self.body).map_err(|error| self.unreadable(kind, &error))?
            }
            "application/yaml" => self.yaml()?,
            "application/vnd.kubernetes.protobuf" => protobuf::decode(&self.body)
                .ok_or_else(|| Status::unsupported_media_type(JSON_TYPES))?,
            _ => return Err(Status::unsupported_media_type(JSON_TYPES)),
        };
        check_kind(&object, api_version, kind)?;
        Ok(object)
    }

    /// The body as YAML, of which JSON is a part.
    pub(crate) fn yaml(&self) -> Result<Value, Status> {
        if let Some(object) = protobuf::decode(&self.body) {
            return Ok(object);
        }
        if let Ok(value) = serde_json::from_slice(&self.body) {
            return Ok(value);
        }
        let text = String::from_utf8_lossy(&self.body);
        serde_saphyr::from_str(&text)
            .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))
    }

    fn unreadable(&self, kind: &str, error: &serde_json::Error) -> Status {
        let why = if error.is_eof() {
            "unexpected end of JSON input".to_owned()
        } else {
            error.to_string()
        };
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get \
             version/kind; json parse error: {why} ({})",
            String::from_utf8_lossy(&self.body)
        ))
    }

    fn read_path(&mut self) {
        let path = self.path.trim_matches('/').to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => {
                self.attributes.verb = self.method.to_lowercase();
                self.attributes.path = Some(self.path.clone());
                return;
            }
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, below, ..] if !matches!(*below, "status" | "finalize") => {
                (*namespace, &rest[2..])
            }
            ["namespaces", namespace, ..] => (*namespace, rest),
            _ => ("", rest),
        };
        let at = |index: usize| rest.get(index).copied().unwrap_or_default();
        let mut name = at(1).to_owned();
        let verb = match (self.method.as_str(), name.is_empty()) {
            ("POST", _) => "create",
            ("GET" | "HEAD", true) if self.flag("watch") => "watch",
            ("GET" | "HEAD", true) => "list",
            ("GET" | "HEAD", false) => "get",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "deletecollection",
            ("DELETE", false) => "delete",
            _ => "",
        };
        if matches!(verb, "list" | "watch" | "deletecollection") {
            // A list of one name can be allowed by resourceNames.
            let selector = self.query("fieldSelector");
            name = selector
                .split(',')
                .find_map(|part| part.strip_prefix("metadata.name="))
                .map(|name| name.trim_start_matches('=').to_owned())
                .unwrap_or_default();
        }
        version.clone_into(&mut self.version);
        self.attributes = Attributes {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: at(0).to_owned(),
            subresource: at(2).to_owned(),
            namespace: namespace.to_owned(),
            name,
            path: None,
        };
    }
}

/// Checks that a body is what its endpoint takes. An empty `apiVersion` or kind is filled in later.
pub(crate) fn check_kind(object: &Value, api_version: &str, kind: &str) -> Result<(), Status> {
    let own_kind = crate::object::text(object, "/kind");
    let own_version = crate::object::text(object, "/apiVersion");
    if !object.is_object() || own_kind.is_empty() {
        return Err(Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): Object 'Kind' is missing"
        )));
    }
    if own_kind != kind {
        return Err(Status::bad_request(format!(
            "{own_kind} in version {:?} cannot be handled as a {kind}",
            own_version.rsplit('/').next().unwrap_or_default(),
        )));
    }
    if own_version != api_version {
        return Err(Status::bad_request(format!(
            "the API version in the data ({own_version}) does not match the expected API version \
             ({api_version})"
        )));
    }
    Ok(())
}

/// Decodes percent signs.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&digits, 16).unwrap_or(b'%'));
            }
            b'+' if plus_is_space => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
