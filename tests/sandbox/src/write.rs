//! Create, update and patch.

use serde_json::{Value, json};

use crate::apply;
use crate::call::{Call, check_kind};
use crate::defaults;
use crate::escalation;
use crate::managed::{self, Manager};
use crate::object::{self, text};
use crate::patch;
use crate::policy;
use crate::rbac;
use crate::read::scope;
use crate::reply::Reply;
use crate::resource::Resource;
use crate::status::{Cause, Status};
use crate::user::{Attributes, User};
use crate::validate;
use crate::world::World;

const PATCH_TYPES: &str = "application/json-patch+json, application/merge-patch+json, \
                           application/apply-patch+yaml, application/strategic-merge-patch+json";

impl World {
    /// Creates an object from the body.
    pub(crate) fn create(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let object = call.object(&resource.api_version(), resource.kind)?;
        let namespace = scope(call, resource).unwrap_or_default();
        let given = object::namespace(&object);
        if !given.is_empty() && given != namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
        let manager = manager(call, resource, false);
        let created = self.create_object(call, user, resource, object, &manager)?;
        Ok(Reply::json(201, &created))
    }

    fn create_object(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
        mut object: Value,
        manager: &Manager,
    ) -> Result<Value, Status> {
        let namespace = scope(call, resource).unwrap_or_default();
        if !object::text(&object, "/metadata/resourceVersion").is_empty() {
            return Err(Status::bad_request(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        if resource.namespaced {
            object::set(&mut object, "namespace", namespace);
        } else {
            object::metadata(&mut object).shift_remove("namespace");
        }
        let prefix = text(&object, "/metadata/generateName").to_owned();
        if object::name(&object).is_empty() && !prefix.is_empty() {
            let suffix = &object::new_uid()[..5];
            object::set(&mut object, "name", format!("{prefix}{suffix}"));
        }
        self.check_namespace(resource, namespace, object::name(&object))?;
        if resource.has_status()
            && let Value::Object(map) = &mut object
        {
            map.shift_remove("status");
        }
        let version = resource.api_version();
        if manager.applies {
            // What the server fills in by itself is not owned by who applied the rest.
            defaults::fill_given(resource, &mut object);
            object = apply::apply(&json!({}), &object, manager, &version, false)?;
            defaults::fill(resource, &mut object);
        } else {
            defaults::fill(resource, &mut object);
            object::metadata(&mut object).shift_remove("managedFields");
            managed::record_update(&json!({}), &mut object, manager, &version);
        }
        defaults::prepare(resource, &mut object, user);
        escalation::check(&self.store, user, resource, &call.attributes, None, &object)?;
        validate::new(resource, &object)?;
        policy::check(resource, &object)?;
        let write = policy::Write {
            user,
            resource,
            request: &call.attributes,
            old: None,
            new: Some(&object),
        };
        policy::admit(&self.store, &write)?;
        let name = object::name(&object).to_owned();
        if let Some(taken) = self.store.get(resource, namespace, &name) {
            return Err(Status::already_exists(
                resource,
                &name,
                object::is_terminating(taken),
            ));
        }
        object::set(&mut object, "uid", object::new_uid());
        object::set(&mut object, "creationTimestamp", object::now());
        if call.is_dry_run() {
            return Ok(object::arrange(
                object,
                resource.kind,
                &resource.api_version(),
            ));
        }
        let stored = self.store.put(resource, object);
        self.after_write(resource, &stored);
        Ok(stored)
    }

    /// Checks that a namespace takes new content.
    pub(crate) fn check_namespace(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<(), Status> {
        if !resource.namespaced {
            return Ok(());
        }
        let namespaces = crate::resource::named("namespaces");
        let live = self
            .store
            .get(namespaces, "", namespace)
            .ok_or_else(|| Status::not_found(namespaces, namespace))?;
        if object::is_terminating(live) {
            return Err(Status::terminating(resource, name, namespace));
        }
        Ok(())
    }

    /// Replaces an object, or its subresource, by the body.
    pub(crate) fn update(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let parent = resource.parent();
        let new = call.object(&parent.api_version(), parent.kind)?;
        let name = &call.attributes.name;
        check_name(&new, name)?;
        let old = match self.live(call, parent) {
            // Roles and bindings that are not there are made.
            Err(_) if parent.group == rbac::GROUP => {
                self.may_make(call, user)?;
                let manager = manager(call, resource, false);
                let created = self.create_object(call, user, parent, new, &manager)?;
                return Ok(Reply::json(201, &created));
            }
            other => other?,
        };
        let updated = self.replace(call, user, resource, &old, new)?;
        Ok(Reply::json(200, &updated))
    }

    /// Fails with 403 where somebody who may write what is there may not make what is not.
    fn may_make(&self, call: &Call, user: &User) -> Result<(), Status> {
        let making = Attributes {
            verb: "create".to_owned(),
            ..call.attributes.clone()
        };
        let decision = self.authorize(user, &making);
        if decision.allowed {
            Ok(())
        } else {
            Err(rbac::refusal(user, &making, &decision.reason))
        }
    }

    /// Patches an object, or its subresource; an apply may create it.
    pub(crate) fn patch(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let parent = resource.parent();
        if call.content_type() == "application/apply-patch+yaml" {
            return self.apply(call, user, resource);
        }
        let change: fn(&mut Value, &Value) -> Result<(), Status> = match call.content_type() {
            "application/merge-patch+json" => |target, body| {
                patch::merge(target, body);
                Ok(())
            },
            "application/strategic-merge-patch+json" => |target, body| {
                patch::strategic_merge(target, body);
                Ok(())
            },
            "application/json-patch+json" => patch::json_patch,
            _ => return Err(Status::unsupported_media_type(PATCH_TYPES)),
        };
        let body: Value = serde_json::from_slice(&call.body)
            .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
        let old = self.live(call, parent)?;
        let mut new = old.clone();
        change(&mut new, &body)?;
        check_name(&new, &call.attributes.name)?;
        let updated = self.replace(call, user, resource, &old, new)?;
        Ok(Reply::json(200, &updated))
    }

    fn apply(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let parent = resource.parent();
        let version = parent.api_version();
        let mut body = call.yaml()?;
        check_kind(&body, &version, parent.kind)?;
        if call.query("fieldManager").is_empty() {
            let cause = Cause::required("fieldManager", "is required for apply patch");
            return Err(Status::invalid("meta.k8s.io", "PatchOptions", "", &[cause]));
        }
        if !object::items(&body, "/metadata/managedFields").is_empty() {
            return Err(Status::bad_request("metadata.managedFields must be nil"));
        }
        let name = &call.attributes.name;
        if object::name(&body).is_empty() {
            object::set(&mut body, "name", name.as_str());
        }
        check_name(&body, name)?;
        let manager = manager(call, resource, true);
        let namespace = scope(call, parent).unwrap_or_default();
        let Some(old) = self.store.get(parent, namespace, name).cloned() else {
            if !text(&body, "/metadata/uid").is_empty()
                || !text(&body, "/metadata/resourceVersion").is_empty()
            {
                return Err(Status::conflict(parent.group, parent.plural, name, GONE));
            }
            self.may_make(call, user)?;
            let created = self.create_object(call, user, parent, body, &manager)?;
            return Ok(Reply::json(201, &created));
        };
        defaults::fill_given(parent, &mut body);
        let new = apply::apply(&old, &body, &manager, &version, call.flag("force"))?;
        let updated = self.finish(call, user, resource, &old, new)?;
        Ok(Reply::json(200, &updated))
    }

    /// The live object a call names. Fails with 404.
    fn live(&self, call: &Call, resource: &'static Resource) -> Result<Value, Status> {
        let name = &call.attributes.name;
        self.store
            .get(resource, scope(call, resource).unwrap_or_default(), name)
            .cloned()
            .ok_or_else(|| Status::not_found(resource, name))
    }

    /// Turns a new version into an update by its manager, and stores it.
    fn replace(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
        old: &Value,
        mut new: Value,
    ) -> Result<Value, Status> {
        let parent = resource.parent();
        let version = parent.api_version();
        defaults::fill(parent, &mut new);
        keep_server_fields(resource, old, &mut new);
        let manager = manager(call, resource, false);
        managed::record_update(old, &mut new, &manager, &version);
        self.finish(call, user, resource, old, new)
    }

    /// Checks and stores a new version of a live object.
    fn finish(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
        old: &Value,
        mut new: Value,
    ) -> Result<Value, Status> {
        let parent = resource.parent();
        check_version(parent, old, &new)?;
        keep_server_fields(resource, old, &mut new);
        defaults::count_generation(parent, old, &mut new);
        escalation::check(&self.store, user, parent, &call.attributes, Some(old), &new)?;
        validate::change(parent, old, &new)?;
        policy::check(parent, &new)?;
        let write = policy::Write {
            user,
            resource: parent,
            request: &call.attributes,
            old: Some(old),
            new: Some(&new),
        };
        policy::admit(&self.store, &write)?;
        let mut new = object::arrange(new, parent.kind, &parent.api_version());
        object::set(
            &mut new,
            "resourceVersion",
            text(old, "/metadata/resourceVersion"),
        );
        if new == *old || call.is_dry_run() {
            return Ok(object::arrange(new, parent.kind, &parent.api_version()));
        }
        // A namespace waits for its controller besides.
        let held = !object::items(&new, "/metadata/finalizers").is_empty()
            || (parent.plural == "namespaces"
                && !object::items(&new, "/spec/finalizers").is_empty());
        let done = object::is_terminating(&new) && !held;
        let stored = self.store.put(parent, new);
        if done {
            self.store
                .remove(parent, object::namespace(&stored), object::name(&stored));
            self.after_remove(parent, &stored);
        } else {
            self.after_write(parent, &stored);
        }
        Ok(stored)
    }
}

const GONE: &str = "uid mismatch: the provided object specified uid, and no existing object was \
                    found";

fn manager(call: &Call, resource: &Resource, applies: bool) -> Manager {
    Manager {
        name: call.field_manager(),
        applies,
        subresource: resource.subresource.to_owned(),
    }
}

fn check_name(object: &Value, name: &str) -> Result<(), Status> {
    let own = object::name(object);
    if own.is_empty() || own == name {
        return Ok(());
    }
    Err(Status::bad_request(format!(
        "the name of the object ({own}) does not match the name on the URL ({name})"
    )))
}

fn check_version(resource: &Resource, old: &Value, new: &Value) -> Result<(), Status> {
    let conflict = |why: &str| {
        Err(Status::conflict(
            resource.group,
            resource.plural,
            object::name(old),
            why,
        ))
    };
    let version = text(new, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(old, "/metadata/resourceVersion") {
        return conflict(
            "the object has been modified; please apply your changes to the latest version and \
             try again",
        );
    }
    let (uid, live) = (object::uid(new), object::uid(old));
    if !uid.is_empty() && uid != live {
        return conflict(&format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {live}"
        ));
    }
    Ok(())
}

/// Puts back what a client cannot change: the server's metadata, and the half of the object that
/// another endpoint writes. The resource version is left for the conflict check.
fn keep_server_fields(resource: &Resource, old: &Value, new: &mut Value) {
    for key in [
        "name",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ] {
        match old.pointer(&format!("/metadata/{key}")) {
            Some(value) => object::set(new, key, value.clone()),
            None => {
                object::metadata(new).shift_remove(key);
            }
        }
    }
    if object::uid(new).is_empty() {
        object::set(new, "uid", object::uid(old));
    }
    let Value::Object(map) = new else { return };
    let mut restore = |key: &str| match old.get(key) {
        Some(value) => {
            map.insert(key.to_owned(), value.clone());
        }
        None => {
            map.shift_remove(key);
        }
    };
    match resource.subresource {
        "" if resource.has_status() => restore("status"),
        "" | "finalize" => {}
        _ => restore("spec"),
    }
}
