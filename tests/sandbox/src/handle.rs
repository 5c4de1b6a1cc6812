//! The way of a request: authenticate, impersonate, authorize, then the handler of its verb.

use serde_json::Value;

use crate::call::Call;
use crate::discovery;
use crate::form;
use crate::rbac;
use crate::reply::Reply;
use crate::resource::Resource;
use crate::status::Status;
use crate::user::{Attributes, User};
use crate::world::World;

impl World {
    /// Answers one request; the second value is the user's name, for the record.
    pub(crate) fn handle(&mut self, call: &Call) -> (Reply, String) {
        // A server that hears of no changes lets in, and judges, by what it knew.
        self.look_back(call.server);
        let known = self
            .authenticate(call)
            .and_then(|user| self.impersonate(user, call));
        let user = match known {
            Ok(user) => user,
            Err(status) => {
                self.look_back(call.server);
                return (Reply::refusal(&status), String::new());
            }
        };
        let decision = self.authorize(&user, &call.attributes);
        let reviewed = call
            .resource()
            .is_ok_and(|resource| resource.subresource.is_empty() && !resource.is_stored());
        let allowed = decision.allowed;
        if !(allowed && reviewed) {
            self.look_back(call.server);
        }
        let reply = if allowed {
            self.answer(call, &user)
        } else {
            Err(rbac::refusal(&user, &call.attributes, &decision.reason))
        };
        if allowed && reviewed {
            self.look_back(call.server);
        }
        let reply = reply.unwrap_or_else(|status| Reply::refusal(&status));
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

    /// Puts what a lagging server knows in the place of what there is; a second time, back again.
    fn look_back(&mut self, server: usize) {
        if let Some(known) = self.lagging.get_mut(&server) {
            std::mem::swap(known, &mut self.store);
        }
    }

    fn answer(&mut self, call: &Call, user: &User) -> Result<Reply, Status> {
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
            "create" => Ok(form::of_written(call, self.create(call, user, resource)?)),
            "update" => Ok(form::of_written(call, self.update(call, user, resource)?)),
            "patch" => Ok(form::of_written(call, self.patch(call, user, resource)?)),
            "delete" => Ok(form::of_written(call, self.delete(call, user, resource)?)),
            "deletecollection" => self.delete_collection(call, user, resource),
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
            ("token", _) => self.request_token(call, user, resource),
            ("eviction", _) => {
                let pods = resource.parent();
                self.delete_one(call, user, pods, &call.attributes.name, &Value::Null)?;
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
