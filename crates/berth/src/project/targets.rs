//! What the names on a command line stand for.
//!
//! `berth compose VERB` takes services; `berth container VERB` takes containers; `berth VERB` takes containers, and in
//! a directory with a compose file a name that is no container's may be a service's; all services when none is named.

use std::collections::BTreeSet;

use compose::model::Project;
use serde_json::Value;

use super::{Member, here, members, members_of, scope};
use crate::cli::{Context, Form};
use crate::client::Call;
use crate::failure::Failure;

/// A container that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// How the engine is asked for it.
    pub(crate) id: String,
    /// How the user is told about it.
    pub(crate) shown: String,
    /// Its service, when it was named by one.
    pub(crate) service: Option<String>,
}

impl Target {
    fn named(name: &str) -> Target {
        Target { id: name.to_owned(), shown: name.to_owned(), service: None }
    }

    /// A project's container.
    pub(crate) fn of(member: &Member) -> Target {
        Target { id: member.id.clone(), shown: member.name.clone(), service: Some(member.service.clone()) }
    }
}

/// The containers that `names` stand for in the command's form, in the order of the names; those of a project in the
/// order of its dependencies.
///
/// # Errors
/// No names where some are needed, or a service that is not in the project.
pub(crate) async fn targets(context: &Context, names: &[String]) -> Result<Vec<Target>, Failure> {
    let project = match context.form {
        Form::Host => None,
        Form::Plain => here(&context.globals),
        Form::Project => return project_targets(context, names).await,
    };
    let Some(project) = project else {
        if names.is_empty() {
            return Err(needs_a_name());
        }
        return Ok(names.iter().map(|name| Target::named(name)).collect());
    };
    let services = services_among(context, &project, names).await?;
    let is_service = |name: &String| services.contains(name);
    if !names.is_empty() && services.is_empty() {
        return Ok(names.iter().map(|name| Target::named(name)).collect());
    }
    let members = members(&context.engine, project.name.as_str()).await?;
    if names.is_empty() {
        return Ok(in_order(Some(&project), &members).iter().map(Target::of).collect());
    }
    let mut found = Vec::new();
    for name in names {
        match is_service(name) {
            true => found.extend(members_of(&members, name).iter().map(Target::of)),
            false => found.push(Target::named(name)),
        }
    }
    Ok(found)
}

/// The names that are services and no container's name: who has a container of that name means the container.
async fn services_among(
    context: &Context,
    project: &Project,
    names: &[String],
) -> Result<BTreeSet<String>, Failure> {
    let mut services: BTreeSet<String> =
        names.iter().filter(|name| project.services.contains_key(name.as_str())).cloned().collect();
    if services.is_empty() {
        return Ok(services);
    }
    let rows = context.engine.json(Call::get("/containers/json?all=1")).await?;
    for row in rows.as_array().into_iter().flatten() {
        let taken = row["Names"].as_array().into_iter().flatten().filter_map(Value::as_str);
        services.retain(|service| !taken.clone().any(|name| name.trim_start_matches('/') == service));
    }
    Ok(services)
}

fn needs_a_name() -> Failure {
    Failure::new("this needs at least one container's name or id")
        .with_hint("In a directory with a compose file the project's services are meant without one.")
}

async fn project_targets(context: &Context, names: &[String]) -> Result<Vec<Target>, Failure> {
    let scope = scope(&context.globals)?;
    let members = members(&context.engine, &scope.name).await?;
    check_services(names, scope.project.as_ref(), &members)?;
    let chosen = in_order(scope.project.as_ref(), &members);
    let chosen = chosen.iter().filter(|member| names.is_empty() || names.contains(&member.service));
    Ok(chosen.filter(|member| !member.one_off).map(Target::of).collect())
}

fn check_services(names: &[String], project: Option<&Project>, members: &[Member]) -> Result<(), Failure> {
    for name in names {
        let in_file = project.is_some_and(|project| project.services.keys().any(|key| key.as_str() == name));
        if !in_file && !members.iter().any(|member| member.service == *name) {
            return Err(Failure::new(format!("no such service: {name}")));
        }
    }
    Ok(())
}

/// Members so that each comes after what its service depends on.
pub(crate) fn in_order(project: Option<&Project>, members: &[Member]) -> Vec<Member> {
    let Some(project) = project else { return members.to_vec() };
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for service in project.services.keys() {
        visit(project, service.as_str(), &mut seen, &mut order);
    }
    let place = |member: &Member| order.iter().position(|service| *service == member.service);
    let mut members = members.to_vec();
    members.sort_by_key(|member| place(member).unwrap_or(usize::MAX));
    members
}

fn visit<'a>(project: &'a Project, service: &'a str, seen: &mut BTreeSet<&'a str>, order: &mut Vec<&'a str>) {
    if !seen.insert(service) {
        return;
    }
    if let Some(known) = project.services.get(service) {
        for dependency in known.lifecycle.depends_on.keys() {
            visit(project, dependency.as_str(), seen, order);
        }
    }
    order.push(service);
}
