use std::collections::BTreeMap;

use super::*;
use crate::dockerfile::Dockerfile;

/// Applies the instructions of `text` to a stage that begins with nothing.
fn state(text: &str) -> Result<State, String> {
    let file = Dockerfile::parse("Dockerfile", &format!("FROM scratch\n{text}\n")).unwrap();
    let (build_args, globals) = (BTreeMap::new(), BTreeMap::new());
    let given = Given { build_args: &build_args, globals: &globals, escape: '\\' };
    let mut state = State::scratch();
    for instruction in &file.stages[0].instructions {
        let created_by = apply(&mut state, &instruction.kind, given).map_err(|error| error.to_string())?;
        state.note(created_by.unwrap(), None);
    }
    Ok(state)
}

#[test]
fn the_configuration_is_what_docker_makes() {
    let state = state(
        "ARG V=2\nENV A=\"x y\" B=$V\nENV A=$B C=$A\nLABEL a=$A \"b c\"='$A'\nUSER app:$B\nEXPOSE 80 $B/udp 5-6\n\
         VOLUME /data /$B\nSTOPSIGNAL SIGRTMIN+3\nSHELL [\"/bin/bash\", \"-c\"]\nCMD echo $A\n\
         HEALTHCHECK --interval=5s --retries=2 CMD true\nONBUILD RUN x\nMAINTAINER me",
    )
    .unwrap();
    let json = serde_json::to_value(&state.image.config).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "User": "app:2",
            "ExposedPorts": {"2/udp": {}, "5/tcp": {}, "6/tcp": {}, "80/tcp": {}},
            "Env": [format!("PATH={}", super::super::state::DEFAULT_PATH), "A=2", "B=2", "C=x y"],
            "Cmd": ["/bin/bash", "-c", "echo $A"],
            "Volumes": {"/2": {}, "/data": {}},
            "Labels": {"a": "2", "b c": "$A"},
            "StopSignal": "SIGRTMIN+3",
            "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000i64, "Retries": 2},
            "OnBuild": ["RUN x"],
            "Shell": ["/bin/bash", "-c"],
        })
    );
    assert_eq!(state.image.author.as_deref(), Some("me"));
    assert_eq!(state.image.history[1].created_by.as_deref(), Some("ENV A=x y B=2"));
}

#[test]
fn an_entrypoint_drops_an_inherited_command() {
    let mut inherited = State::scratch();
    inherited.image.config.cmd = Some(vec!["base".into()]);
    let given = Given { build_args: &BTreeMap::new(), globals: &BTreeMap::new(), escape: '\\' };
    let entrypoint = Kind::Entrypoint(Command::Exec(vec!["x".into()]));
    apply(&mut inherited, &entrypoint, given).unwrap();
    assert_eq!(inherited.image.config.cmd, None);
    let own = state("CMD [\"a\"]\nENTRYPOINT [\"b\"]").unwrap();
    assert_eq!(own.image.config.cmd, Some(vec!["a".into()]));
}

#[test]
fn values_without_meaning_are_refused() {
    let error = |text: &str| state(text).unwrap_err();
    assert_eq!(error("EXPOSE 0"), "\"0\" is not a port: number[-number][/tcp|/udp|/sctp]");
    assert_eq!(error("EXPOSE 70000"), "\"70000\" is not a port: number[-number][/tcp|/udp|/sctp]");
    assert_eq!(error("EXPOSE 80/http"), "\"80/http\" is not a port: number[-number][/tcp|/udp|/sctp]");
    assert_eq!(error("STOPSIGNAL SIGFOO"), "\"SIGFOO\" is not a signal");
    assert_eq!(error("USER $none"), "\"\" is not a user: name[:group] or uid[:gid]");
    assert_eq!(error("ENV a=\"${b:?not there}\""), "b: not there");
    assert_eq!(error("ENV $none=a"), "\"\" is not a name");
}
