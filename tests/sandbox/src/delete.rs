//! Delete and `deletecollection`, with preconditions and finalizers.

use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::object::{self, text};
use crate::policy;
use crate::read::{list_of, scope, select};
use crate::reply::Reply;
use crate::resource::Resource;
use crate::status::Status;
use crate::store::Stored;
use crate::user::User;
use crate::world::World;

/// What a delete left behind.
pub(crate) enum Deleted {
    /// Nothing: this was the object.
    Gone(Value),
    /// The object, until its finalizers are done.
    Terminating(Value),
}

impl World {
    /// Deletes one object.
    pub(crate) fn delete(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let options = delete_options(call)?;
        let deleted = self.delete_one(call, user, resource, &call.attributes.name, &options)?;
        Ok(match deleted {
            Deleted::Terminating(object) => Reply::json(200, &object),
            Deleted::Gone(object) if resource.returned_when_deleted() => Reply::json(200, &object),
            Deleted::Gone(object) => Reply::json(200, &success(resource, Some(&object))),
        })
    }

    /// Deletes every object that matches and answers with them.
    pub(crate) fn delete_collection(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let options = delete_options(call)?;
        let selection = select(call, resource)?;
        let metadata = json!({ "resourceVersion": self.store.revision().to_string() });
        let found: Vec<&Stored> = self
            .store
            .range(resource, scope(call, resource))
            .filter(|stored| selection.matches(stored.value()))
            .collect();
        let reply = Reply::json_text(200, list_of(resource, &found, &metadata));
        let doomed: Vec<String> = found
            .iter()
            .map(|stored| object::name(stored.value()).to_owned())
            .collect();
        for name in doomed {
            self.delete_one(call, user, resource, &name, &options)?;
        }
        Ok(reply)
    }

    /// Deletes the object with this name, or begins to. Fails with 404, or with 409 when a
    /// precondition does not hold.
    pub(crate) fn delete_one(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
        name: &str,
        options: &Value,
    ) -> Result<Deleted, Status> {
        let namespace = scope(call, resource).unwrap_or_default();
        let live = self
            .store
            .get(resource, namespace, name)
            .ok_or_else(|| Status::not_found(resource, name))?
            .clone();
        check_preconditions(resource, &live, options)?;
        let write = policy::Write {
            user,
            resource,
            request: &call.attributes,
            old: Some(&live),
            new: None,
        };
        policy::admit(&self.store, &write)?;
        let dry_run = call.is_dry_run()
            || options
                .get("dryRun")
                .is_some_and(|dry_run| !object::is_empty(dry_run));
        if resource.plural == "namespaces" {
            return self.delete_namespace(live, dry_run);
        }
        if !object::items(&live, "/metadata/finalizers").is_empty() {
            let mut live = live;
            if begin(&mut live) && !dry_run {
                live = self.store.put(resource, live);
                self.after_write(resource, &live);
            }
            return Ok(Deleted::Terminating(live));
        }
        if dry_run {
            return Ok(Deleted::Gone(live));
        }
        let gone = self.store.remove(resource, namespace, name).unwrap_or(live);
        self.after_remove(resource, &gone);
        Ok(Deleted::Gone(gone))
    }

    fn delete_namespace(&mut self, mut live: Value, dry_run: bool) -> Result<Deleted, Status> {
        let name = object::name(&live).to_owned();
        if matches!(name.as_str(), "default" | "kube-system" | "kube-public") {
            let why = "this namespace may not be deleted";
            return Err(Status::forbidden("", "namespaces", &name, why));
        }
        if object::is_terminating(&live) {
            // The namespace controller is at it, and nobody hurries it.
            return Ok(Deleted::Terminating(live));
        }
        object::set(&mut live, "deletionTimestamp", object::now());
        live["status"] = json!({ "phase": "Terminating" });
        if !dry_run {
            live = self.store.put(crate::resource::named("namespaces"), live);
            self.doomed.insert(name);
        }
        Ok(Deleted::Terminating(live))
    }
}

/// Marks an object as being deleted, as long as finalizers keep it. Says whether it was not yet.
pub(crate) fn begin(object: &mut Value) -> bool {
    if object::is_terminating(object) {
        return false;
    }
    object::set(object, "deletionTimestamp", object::now());
    object::set(object, "deletionGracePeriodSeconds", 0);
    if let Some(generation) = object
        .pointer("/metadata/generation")
        .and_then(Value::as_u64)
    {
        object::set(object, "generation", generation + 1);
    }
    true
}

/// The `Status` of a delete that worked.
pub(crate) fn success(resource: &Resource, object: Option<&Value>) -> Value {
    let mut status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
    });
    if let Some(object) = object {
        let mut details = Map::new();
        details.insert("name".into(), object::name(object).into());
        if !resource.group.is_empty() {
            details.insert("group".into(), resource.group.into());
        }
        details.insert("kind".into(), resource.plural.into());
        details.insert("uid".into(), object::uid(object).into());
        status["details"] = Value::Object(details);
    }
    status
}

fn delete_options(call: &Call) -> Result<Value, Status> {
    if call.body.is_empty() {
        return Ok(Value::Null);
    }
    let options = call.yaml()?;
    match text(&options, "/kind") {
        "" | "DeleteOptions" => Ok(options),
        other => Err(Status::bad_request(format!(
            "{other} cannot be handled as a DeleteOptions"
        ))),
    }
}

fn check_preconditions(resource: &Resource, live: &Value, options: &Value) -> Result<(), Status> {
    let name = object::name(live);
    let is_namespace = resource.plural == "namespaces";
    let checks = [
        (
            "UID",
            "uid",
            "The object might have been deleted and then recreated",
        ),
        (
            "ResourceVersion",
            "resourceVersion",
            "The object might have been modified",
        ),
    ];
    for (label, key, hint) in checks {
        let wanted = text(options, &format!("/preconditions/{key}"));
        let actual = text(live, &format!("/metadata/{key}"));
        if wanted.is_empty() || wanted == actual {
            continue;
        }
        return Err(if is_namespace {
            let why = format!(
                "Precondition failed: {label} in precondition: {wanted}, {label} in object meta: \
                 {actual}"
            );
            Status::conflict("", "namespaces", name, &why)
        } else {
            let why = format!(
                "the {label} in the precondition ({wanted}) does not match the {label} in record \
                 ({actual}). {hint}"
            );
            Status::conflict(resource.group, resource.kind, name, &why)
        });
    }
    Ok(())
}
