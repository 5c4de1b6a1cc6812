//! The reviews: who am I, may I, may they, what may I, whose token is this.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::managed::{self, Manager};
use crate::object::{self, text, texts};
use crate::policy;
use crate::rbac;
use crate::reply::Reply;
use crate::resource::Resource;
use crate::status::{Cause, Status};
use crate::user::{Attributes, User};
use crate::world::World;

impl World {
    /// Answers a review; nothing is stored.
    pub(crate) fn review(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let body = call.object(&resource.api_version(), resource.kind)?;
        let review = match resource.plural {
            "selfsubjectreviews" => who_am_i(resource, user),
            "selfsubjectaccessreviews" => {
                let status = self.access(user, &asked(resource, &body)?);
                finish(call, resource, &body, status)
            }
            "subjectaccessreviews" | "localsubjectaccessreviews" => {
                let attributes = asked(resource, &body)?;
                if resource.namespaced && attributes.namespace != call.attributes.namespace {
                    return Err(Status::bad_request(format!(
                        "spec.resourceAttributes.namespace must match namespace: {}",
                        call.attributes.namespace
                    )));
                }
                let status = self.access(&subject(resource, &body)?, &attributes);
                finish(call, resource, &body, status)
            }
            "selfsubjectrulesreviews" => self.rules(resource, user, &body)?,
            _ => self.token_review(call, resource, &body),
        };
        Ok(Reply::json(201, &review))
    }

    fn access(&self, user: &User, attributes: &Attributes) -> Value {
        let decision = self.authorize(user, attributes);
        let mut status = json!({ "allowed": decision.allowed });
        if !decision.reason.is_empty() {
            status["reason"] = decision.reason.into();
        }
        status
    }

    fn rules(&self, resource: &Resource, user: &User, body: &Value) -> Result<Value, Status> {
        let namespace = text(body, "/spec/namespace");
        if namespace.is_empty() {
            return Err(Status::bad_request("no namespace on request"));
        }
        let (rules, errors) = rbac::rules_of(&self.store, user, namespace);
        let (other, resources): (Vec<Value>, Vec<Value>) = rules
            .into_iter()
            .partition(|rule| rule.get("nonResourceURLs").is_some());
        let mut status = json!({
            "resourceRules": resources,
            "nonResourceRules": other,
            "incomplete": !errors.is_empty(),
        });
        if !errors.is_empty() {
            status["evaluationError"] = errors.join(", ").into();
        }
        Ok(json!({
            "kind": resource.kind,
            "apiVersion": resource.api_version(),
            "metadata": {},
            "spec": {},
            "status": status,
        }))
    }

    fn token_review(&mut self, call: &Call, resource: &Resource, body: &Value) -> Value {
        let audiences = texts(body, "/spec/audiences");
        let user = self.authenticate_token(call.server, text(body, "/spec/token"), &audiences);
        let status = match user {
            Some(user) => {
                let audiences = if audiences.is_empty() {
                    vec![crate::token::ISSUER]
                } else {
                    audiences.clone()
                };
                json!({ "authenticated": true, "user": user.info(), "audiences": audiences })
            }
            None => json!({ "user": {}, "error": "invalid bearer token" }),
        };
        finish(call, resource, body, status)
    }
}

fn who_am_i(resource: &Resource, user: &User) -> Value {
    json!({
        "kind": resource.kind,
        "apiVersion": resource.api_version(),
        "metadata": { "creationTimestamp": object::now() },
        "status": { "userInfo": user.info() },
    })
}

/// The review with its answer, and with the managed fields that even a review gets.
fn finish(call: &Call, resource: &Resource, body: &Value, status: Value) -> Value {
    let version = resource.api_version();
    let mut review = body.clone();
    if let Value::Object(review) = &mut review {
        review.shift_remove("status");
    }
    let manager = Manager {
        name: call.field_manager(),
        applies: false,
        subresource: String::new(),
    };
    managed::record_update(&json!({}), &mut review, &manager, &version);
    review["status"] = status;
    object::arrange(review, resource.kind, &version)
}

/// What an access review asks. Fails with 422 when it asks nothing, or two things.
fn asked(resource: &Resource, body: &Value) -> Result<Attributes, Status> {
    let invalid = |cause: Cause| Status::invalid(resource.group, resource.kind, "", &[cause]);
    let attributes = body.pointer("/spec/resourceAttributes");
    let path = body.pointer("/spec/nonResourceAttributes");
    match (attributes, path) {
        (Some(wanted), None) => Ok(Attributes {
            verb: text(wanted, "/verb").into(),
            group: text(wanted, "/group").into(),
            resource: text(wanted, "/resource").into(),
            subresource: text(wanted, "/subresource").into(),
            namespace: text(wanted, "/namespace").into(),
            name: text(wanted, "/name").into(),
            path: None,
        }),
        (None, Some(wanted)) => Ok(Attributes {
            verb: text(wanted, "/verb").into(),
            path: Some(text(wanted, "/path").into()),
            ..Attributes::default()
        }),
        (None, None) => Err(invalid(Cause::invalid(
            "spec.resourceAttributes",
            "null",
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ))),
        (Some(_), Some(_)) => Err(invalid(Cause::invalid(
            "spec.nonResourceAttributes",
            "{}",
            "cannot be specified in combination with resourceAttributes",
        ))),
    }
}

/// Whom an access review is about. Fails with 422 when it names nobody.
fn subject(resource: &Resource, body: &Value) -> Result<User, Status> {
    let name = text(body, "/spec/user");
    let groups: Vec<String> = texts(body, "/spec/groups")
        .into_iter()
        .map(str::to_owned)
        .collect();
    if name.is_empty() && groups.is_empty() {
        let why = "at least one of user or group must be specified";
        let cause = Cause::invalid("spec.user", "\"\"", why);
        return Err(Status::invalid(resource.group, resource.kind, "", &[cause]));
    }
    // Unlike a request, a review carries exactly the groups it names.
    let uid = text(body, "/spec/uid").to_owned();
    Ok(User {
        name: name.to_owned(),
        uid,
        groups,
        extra: BTreeMap::new(),
    })
}

impl World {
    /// Answers a `TokenRequest` for a `ServiceAccount`.
    pub(crate) fn request_token(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let (group, version) = resource.kind_version.unwrap_or_default();
        let api_version = crate::resource::join(group, version);
        let body = call.object(&api_version, resource.kind)?;
        let accounts = resource.parent();
        let wanted = &call.attributes;
        self.check_namespace(accounts, &wanted.namespace, &wanted.name)?;
        let account = self
            .store
            .get(accounts, &wanted.namespace, &wanted.name)
            .ok_or_else(|| Status::not_found(accounts, &wanted.name))?;
        let asked_seconds = body
            .pointer("/spec/expirationSeconds")
            .and_then(Value::as_i64)
            .unwrap_or(3600);
        check_lifetime(group, resource.kind, asked_seconds)?;
        let write = policy::Write {
            user,
            resource: accounts,
            request: wanted,
            old: None,
            new: Some(&body),
        };
        policy::admit(&self.store, &write)?;
        let bound = self.bound_object(&wanted.namespace, body.pointer("/spec/boundObjectRef"))?;
        let longest = self.settings.max_token_ttl.map(|longest| longest.as_secs());
        let longest = longest.and_then(|seconds| i64::try_from(seconds).ok());
        let seconds = longest.map_or(asked_seconds, |longest| asked_seconds.min(longest));
        let mut audiences: Vec<String> = texts(&body, "/spec/audiences")
            .into_iter()
            .map(str::to_owned)
            .collect();
        if audiences.is_empty() {
            audiences.push(crate::token::ISSUER.to_owned());
        }
        let token = self
            .signer
            .mint(account, &audiences, seconds, bound.as_ref())
            .ok_or_else(|| Status::internal("failed to generate token"))?;
        let mut metadata = Map::new();
        metadata.insert("name".into(), wanted.name.clone().into());
        metadata.insert("namespace".into(), wanted.namespace.clone().into());
        metadata.insert("uid".into(), object::uid(account).into());
        metadata.insert("creationTimestamp".into(), object::now().into());
        if let Some(entries) = token_request_fields(call, &body, &api_version) {
            metadata.insert("managedFields".into(), entries);
        }
        let end = self.settings.clock.now() + chrono::Duration::seconds(seconds);
        let reply = json!({
            "kind": resource.kind,
            "apiVersion": api_version,
            "metadata": metadata,
            "spec": {
                "audiences": audiences,
                "expirationSeconds": seconds,
                "boundObjectRef": body.pointer("/spec/boundObjectRef"),
            },
            "status": {
                "token": token,
                "expirationTimestamp": end.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            },
        });
        Ok(Reply::json(201, &reply))
    }

    fn bound_object(
        &self,
        namespace: &str,
        reference: Option<&Value>,
    ) -> Result<Option<crate::token::Bound>, Status> {
        let Some(reference) = reference.filter(|reference| !reference.is_null()) else {
            return Ok(None);
        };
        let (kind, plural) = match text(reference, "/kind") {
            "Secret" => ("secret", "secrets"),
            "Pod" => ("pod", "pods"),
            other => {
                let why = format!("cannot bind token for serviceaccount to object of type {other}");
                return Err(Status::bad_request(why));
            }
        };
        let name = text(reference, "/name");
        let objects = crate::resource::named(plural);
        let live = self
            .store
            .get(objects, namespace, name)
            .ok_or_else(|| Status::not_found(objects, name))?;
        let (uid, live_uid) = (text(reference, "/uid"), object::uid(live));
        if !uid.is_empty() && uid != live_uid {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. \
                 The object might have been deleted and then recreated"
            );
            return Err(Status::conflict("", plural, name, &why));
        }
        let node = text(live, "/spec/nodeName");
        let node = self.store.get(crate::resource::named("nodes"), "", node);
        Ok(Some(crate::token::Bound {
            kind,
            node: node.map(|node| (object::name(node).to_owned(), object::uid(node).to_owned())),
            name: name.to_owned(),
            uid: live_uid.to_owned(),
        }))
    }
}

fn check_lifetime(group: &str, kind: &str, seconds: i64) -> Result<(), Status> {
    let why = if seconds < 600 {
        "may not specify a duration less than 10 minutes"
    } else if seconds > 1 << 32 {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let cause = Cause::invalid("spec.expirationSeconds", &seconds.to_string(), why);
    Err(Status::invalid(group, kind, "", &[cause]))
}

fn token_request_fields(call: &Call, body: &Value, api_version: &str) -> Option<Value> {
    let mut request = json!({ "spec": body.get("spec") });
    let manager = Manager {
        name: call.field_manager(),
        applies: false,
        subresource: "token".to_owned(),
    };
    managed::record_update(&json!({}), &mut request, &manager, api_version);
    request.pointer("/metadata/managedFields").cloned()
}
