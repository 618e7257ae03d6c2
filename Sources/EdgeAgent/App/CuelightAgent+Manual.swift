internal import Platform

extension CuelightAgent {
    /// What the manual page says besides help.
    static let manualSections: [CommandLineProgram.ManualSection] = [
        .init(
            "Description",
            [
                """
                The agent runs on the small Linux computer of a stage. It drives the boards on its
                serial ports as the control plane tells it, over MQTT, and says how each command
                ended.
                """,
                """
                The package brings a service that starts once the computer is paired:
                    cuelight-agent pair --server https://cue.example.org --token TOKEN
                    systemctl start cuelight-agent
                """,
                """
                Root, when it pairs or runs the agent by hand, becomes the user to whom the state
                folder belongs.
                """,
            ]),
        .init(
            "Files",
            [
                """
                /etc/default/cuelight-agent holds AGENT_FLAGS, the flags with which the service
                runs.
                """,
                """
                /var/lib/cuelight-agent is the state folder of the service: who the agent is, its
                key, its journal and its control socket. Only purging the package removes it.
                """,
                "/usr/share/cuelight/firmware holds the firmware of the boards.",
            ]),
        .init(
            "Environment",
            [
                "STATE_DIRECTORY, XDG_STATE_HOME and HOME say where the state folder is.",
                """
                NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID come from the service manager: the
                agent says when it is ready, how it is and that it is alive, see sd_notify(3).
                """,
                "NO_COLOR keeps colours out of logs.",
            ]),
        .init(
            "See also", ["systemctl(1), journalctl(1), udev(7), sd_notify(3)"]),
    ]
}
