// What happened to a board, in the words that `cuelight-agent doctor` has for it. A test compares
// them.

const FAULTS = {
    link_lost: {
        text: "The board heard nothing of this computer for half a second and made itself safe.",
        advice: "Check the cable, and whether this computer is overloaded or was asleep.",
    },
    watchdog: {
        text: "The board's program hung; its watchdog made it safe and restarted it.",
        advice: "Update the board's firmware; tell its makers if it comes again.",
    },
    max_on: {
        text: "An output was on for as long as its channel allows and was cut off.",
        advice: "Give the rule a shorter time, or the channel a longer one if that is safe.",
    },
    brown_out: {
        text: "The board's supply voltage broke down, and it restarted.",
        advice: "Give motors and strips a supply of their own, and look at the cable.",
    },
    estop_wired: {
        text: "The E-stop that is wired to the board was pressed, or its wire is broken.",
        advice: "Find out why, then release the button; the board can be armed again from then on.",
    },
    boot_loop: {
        text: "The board restarted three times within a minute and was put out of use.",
        advice: "Check the board's power supply and what its outputs draw, then release it with cuelight-agent release BOARD, or leave it ten minutes without a restart.",
    },
    fault: {
        text: "The board reports a fault that this release does not know.",
        advice: "Update the agent to the release of the board's firmware.",
    },
};

/// A fault as an agent tells it, with what it means and what to do; "" for none.
export function faultText(word) {
    if (!word) return "";
    const { text, advice } = FAULTS[word] ?? FAULTS.fault;
    return `Last fault (${word}): ${text} ${advice}`;
}
