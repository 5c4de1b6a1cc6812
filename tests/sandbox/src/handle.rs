//! The way of a request: authenticate, impersonate, authorize, then the handler of its verb.

use serde_json::Value;

use crate::call::Call;
use crate::discovery;
use crate::rbac;
use crate::reply::Reply;
use crate::resource::Resource;
use crate::status::Status;
use crate::user::{Attributes, User};
use crate::world::World;

impl World {
    /// Answers one request; the second value is the user's name, for the record.
    pub(crate) fn handle(&mut self, call: &Call) -> (Reply, String) {
        let user = match self
            .authenticate(call)
            .and_then(|user| self.impersonate(user, call))
        {
            Ok(user) => user,
            Err(status) => return (Reply::refusal(&status), String::new()),
        };
        let reply = self
            .answer(call, &user)
            .unwrap_or_else(|status| Reply::refusal(&status));
        (reply, user.name)
    }

    /// Decides one question, in the mode that the server runs in.
    pub(crate) fn authorize(&self, user: &User, attributes: &Attributes) -> rbac::Decision {
        if self.settings.always_allow {
            return rbac::Decision {
                allowed: true,
                reason: String::new(),
            };
        }
        rbac::authorize(&self.store, user, attributes)
    }

    fn answer(&mut self, call: &Call, user: &User) -> Result<Reply, Status> {
        let decision = self.authorize(user, &call.attributes);
        if !decision.allowed {
            return Err(rbac::refusal(user, &call.attributes, &decision.reason));
        }
        if call.attributes.path.is_some() {
            return Ok(self.answer_path(call));
        }
        let Ok(resource) = call.resource() else {
            return Ok(not_found());
        };
        let verb = call.attributes.verb.as_str();
        if !resource.verbs.contains(&verb) {
            return Err(Status::method_not_allowed());
        }
        if resource.namespaced
            && call.attributes.namespace.is_empty()
            && !matches!(verb, "list" | "watch")
        {
            return Ok(not_found());
        }
        if !resource.subresource.is_empty() {
            return self.answer_subresource(call, user, resource);
        }
        if !resource.is_stored() {
            return self.review(call, user, resource);
        }
        match verb {
            "get" => self.get(call, resource),
            "list" => self.list(call, resource),
            "watch" => self.watch(call, resource),
            "create" => self.create(call, user, resource),
            "update" => self.update(call, user, resource),
            "patch" => self.patch(call, user, resource),
            "delete" => self.delete(call, resource),
            "deletecollection" => self.delete_collection(call, resource),
            _ => Err(Status::method_not_allowed()),
        }
    }

    fn answer_subresource(
        &mut self,
        call: &Call,
        user: &User,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        match (resource.subresource, call.attributes.verb.as_str()) {
            ("token", _) => self.request_token(call, resource),
            ("eviction", _) => {
                let pods = resource.parent();
                self.delete_one(call, pods, &call.attributes.name, &Value::Null)?;
                Ok(Reply::json(201, &crate::delete::success(pods, None)))
            }
            ("status" | "finalize" | "approval", "get") => self.get(call, resource.parent()),
            ("status" | "finalize" | "approval", "update") => self.update(call, user, resource),
            ("status" | "finalize" | "approval", "patch") => self.patch(call, user, resource),
            _ => Err(Status::bad_request(
                "the sandbox runs no containers and proxies nothing",
            )),
        }
    }

    fn answer_path(&self, call: &Call) -> Reply {
        let path = call.path.trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let document = match parts.as_slice() {
            ["version"] => Some(discovery::version()),
            ["healthz" | "livez" | "readyz", ..] => return Reply::text(200, "ok"),
            ["api"] => Some(discovery::core_versions(&self.address)),
            ["apis"] => Some(discovery::groups()),
            ["api", version] => discovery::resources("", version),
            ["apis", group] => discovery::one_group(group),
            ["apis", group, version] => discovery::resources(group, version),
            ["openapi", "v3"] => Some(discovery::openapi_index()),
            ["openapi", "v3", "api", version] => discovery::openapi("", version),
            ["openapi", "v3", "apis", group, version] => discovery::openapi(group, version),
            _ => None,
        };
        document.map_or_else(not_found, |document| Reply::json(200, &document))
    }
}

fn not_found() -> Reply {
    Reply::text(404, "404 page not found\n")
}
