//! The pair of accounts of a kubeconfig that renews itself, and what is handed over of it.

use chrono::TimeDelta;

use super::Asked;
use super::trial::mint_and_try;
use crate::artifact::renewal::Renewal;
use crate::domain::access::Power;
use crate::domain::account_name;
use crate::domain::audit::EventSeq;
use crate::domain::credential::{Credential, RENEWS_FIXED_DAYS_MIN, Renews};
use crate::domain::effect::Effect;
use crate::domain::plan::{self, Renewer};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::token::Minted;
use crate::ops::{Error, find, reconciling};
use crate::session::App;
use crate::store;

/// A version that renews itself, in the making.
pub(super) struct SelfRenewing<'a> {
    pub(super) app: &'a App,
    pub(super) case: &'a Asked,
    pub(super) credential: &'a Credential,
    /// The event that asked for it.
    pub(super) request: EventSeq,
}

impl SelfRenewing<'_> {
    /// Makes the account that renews a version, sees that it does, and gives its token with all that a
    /// machine needs beside it.
    pub(super) async fn mint(
        &self,
        connection: &Connection,
        ttl: i64,
    ) -> Result<(Minted, Renewal), Error> {
        let Self {
            app,
            case,
            credential,
            ..
        } = *self;
        let failed = |source: ClusterError| Error::Cluster {
            cluster: case.cluster.name.to_string(),
            source,
        };
        let name = credential.account.renewer();
        let name =
            name.ok_or_else(|| failed(ClusterError::inconsistent("no account renews this")))?;
        let account = plan::Account {
            name: name.to_string(),
            user: credential.owner.clone(),
            credential: credential.id,
            power: Power::Bound,
            shard: credential.shard,
        };
        let mut renewer = Renewer {
            account: name.to_string(),
            of: credential.account.to_string(),
            is_rolling: credential.renews == Some(Renews::Rolling),
        };
        let put = connection.put_renewer(&renewer, &account).await;
        put.map_err(failed)?;
        let minted = mint_and_try(connection, &case.cluster, &renewer.account, ttl).await?;
        let life = minted.expires_at - app.now_on(&case.cluster);
        // A few seconds pass between asking and reading.
        let is_capped = life < TimeDelta::seconds(ttl - 60);
        if is_capped && life < TimeDelta::days(RENEWS_FIXED_DAYS_MIN) && !renewer.is_rolling {
            renewer.is_rolling = true;
            self.roll()?;
            let put = connection.put_renewer(&renewer, &account).await;
            put.map_err(failed)?;
        }
        let proven = connection.prove_renewer(&minted.token, &renewer).await;
        proven.map_err(failed)?;
        let (home, label) = account_name::parts(&renewer.account);
        let renewal = Renewal {
            installation: find::installation(app)?,
            cluster: case.cluster.name.clone(),
            cluster_uid: Some(case.cluster.kube_system_uid.clone()),
            subject: case.owner.clone(),
            version: credential.version,
            address: case.cluster.address_in_files(),
            namespace: home.namespace().to_owned(),
            account: credential.account.label().to_owned(),
            renewer: label.to_owned(),
            is_rolling: renewer.is_rolling,
            token: minted.token.clone(),
            token_ends_at: minted.expires_at,
        };
        Ok((minted, renewal))
    }

    /// Records that what renews a version renews itself too: the API server gives it too short a life.
    fn roll(&self) -> Result<(), Error> {
        let Self {
            app,
            case,
            credential,
            request,
        } = *self;
        let roll = Effect::Renew {
            cluster: case.cluster.id,
            subject: case.of,
            version: credential.version,
            renews: Renews::Rolling,
        };
        Ok(app.store()?.write(|tx| {
            let on = reconciling::snapshot(tx, case.cluster.id)?;
            reconciling::commit(app, tx, &on, &[roll], &case.journal, Some(request))?;
            let detail = format!(
                "version {} of '{}' renews itself as long as it is used",
                credential.version, case.owner
            );
            let phase = crate::domain::audit::Phase::Requested;
            case.journal.record(app, tx, phase, detail, Some(request))?;
            Ok::<_, store::Error>(())
        })?)
    }
}
