// The LIVE: livestreams, what can be said and done in one, and what happens in it.

import { call, post } from "./api.js";
import { fill, h, setText } from "./dom.js";
import { count, plural, time } from "./format.js";
import { StandIn, confirmDialog, field, makeForm, notice, openDialog } from "./parts.js";
import { FeedView } from "./feed-view.js";

const LIKES = 5;
const COMMENT_MAX = 500;

export class LiveView {
    element = h("section", { class: "view live", "aria-labelledby": "live-title" });
    #workspace;
    #choice = h("select", { id: "livestream", "aria-label": "Livestream" });
    #state;
    #figures = h("p", { class: "quiet figures-line" });
    #compose;
    #comment = h("input", {
        type: "text", id: "comment", maxLength: COMMENT_MAX, autocomplete: "off",
        placeholder: "type spin", "aria-label": "Comment",
    });
    #gift = h("select", { "aria-label": "Gift" });
    #giftCount = h("input", {
        type: "number", min: 1, max: 1000, step: 1, value: 1, "aria-label": "How many",
    });
    #said = h("div", { class: "said", role: "status" });
    #endButton;
    #feed;
    #shownGifts = "";
    #shownChoice = "";

    constructor(workspace) {
        this.#workspace = workspace;
        this.#feed = new FeedView(workspace);
        this.#choice.addEventListener("change", () => this.#choose(this.#choice.value));
        this.#endButton = h("button", {
            type: "button", class: "small", id: "end-live", onclick: () => this.#end(),
        }, "End …");
        this.#compose = this.#makeCompose();
        this.#state = new StandIn({
            loading: "Loading livestreams …", empty: () => this.#empty(),
        });
        this.element.append(
            h("div", { class: "view-head" }, h("h1", { id: "live-title" }, "LIVE"),
                workspace.may("operate") && h("button", {
                    type: "button", class: "small", id: "start-live", onclick: () => this.#start(),
                }, "Start a livestream …")),
            this.#state.element,
            h("div", { class: "live-choice" }, this.#choice, this.#endButton),
            this.#figures, this.#compose, this.#said, this.#feed.element);
        this.update();
    }

    update() {
        this.#drawChoice();
        this.#drawGifts();
        this.#feed.update();
    }

    updateFeed() { this.#feed.update(); }

    get #chosen() {
        return this.#workspace.livestreams.items?.find(
            (one) => one.id === this.#workspace.feed.livestream);
    }

    #drawChoice() {
        const { livestreams, feed } = this.#workspace;
        const items = livestreams.items;
        if (items && !items.some((one) => one.id === feed.livestream)) {
            // What is live comes first; else the newest of the past.
            feed.choose((items.find((one) => one.is_live) ?? items[0])?.id ?? null);
        }
        const chosen = this.#chosen;
        const key = JSON.stringify(items?.map((one) => [one.id, one.title, one.is_live]));
        if (key !== this.#shownChoice) {
            this.#shownChoice = key;
            fill(this.#choice, (items ?? []).map((one) => h(
                "option", { value: one.id },
                `${one.is_live ? "● LIVE" : "ended"} · ${one.title} · ${one.source}`)));
        }
        if (chosen) this.#choice.value = chosen.id;
        this.#choice.parentElement.hidden = !chosen;
        this.#figures.hidden = this.#compose.hidden = !chosen;
        this.#feed.element.hidden = !items;
        if (chosen) this.#drawChosen(chosen);
        this.#state.update(livestreams);
    }

    #empty() {
        return h("div", { class: "empty" },
            h("h2", {}, "No livestream yet"),
            h("p", {}, "Start one to try your rules: what you type here counts as a comment of "
                + "a viewer."),
            this.#workspace.may("operate") && h("button", {
                type: "button", class: "primary", onclick: () => this.#start(),
            }, "Start a livestream …"));
    }

    #drawChosen(chosen) {
        this.#endButton.hidden = !chosen.is_live || !this.#workspace.may("operate");
        this.#compose.hidden = !chosen.is_live;
        setText(this.#figures, chosen.is_live
            ? [
                `since ${time(chosen.created_at_ms)}`,
                chosen.viewers !== undefined && plural(chosen.viewers, "viewer"),
                chosen.likes !== undefined && plural(chosen.likes, "like"),
                chosen.coins !== undefined && plural(chosen.coins, "coin"),
            ].filter(Boolean).join(" · ")
            : `ended ${time(chosen.ended_at_ms)}; comments and gifts are closed`);
    }

    #drawGifts() {
        const gifts = this.#workspace.gifts.items ?? [];
        const key = JSON.stringify(gifts);
        if (key === this.#shownGifts) return;
        this.#shownGifts = key;
        fill(this.#gift, gifts.map((gift) => h(
            "option", { value: String(gift.id) }, `${gift.name} · ${count(gift.coins)}`)));
    }

    #choose(id) {
        this.#workspace.feed.choose(id);
        this.update();
    }

    #makeCompose() {
        const deed = (label, path, body) => h("button", {
            type: "button", class: "small", "data-deed": path,
            onclick: () => this.#do(path, body?.()),
        }, label);
        const form = h("form", { class: "comment-form", noValidate: true },
            this.#comment, h("button", { type: "submit", class: "primary" }, "Send"));
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            const text = this.#comment.value;
            if (text.trim() === "") return;
            if (await this.#do("comments", { text })) {
                // Nothing that was typed meanwhile is lost.
                if (this.#comment.value === text) this.#comment.value = "";
            }
            this.#comment.focus();
        });
        return h("div", { class: "compose" }, form,
            h("div", { class: "gift-choice" }, this.#giftCount, this.#gift,
                deed("Send gift", "gifts", () => ({
                    gift_id: Number(this.#gift.value),
                    count: this.#giftCount.valueAsNumber || 1,
                }))),
            h("div", { class: "deeds" },
                deed(`Like ×${LIKES}`, "likes", () => ({ count: LIKES })),
                deed("Follow", "follows"), deed("Share", "shares"), deed("Join", "joins")));
    }

    async #do(path, body) {
        const id = this.#workspace.feed.livestream;
        try {
            await post(`/api/v1/livestreams/${id}/${path}`, body);
            fill(this.#said);
            if (path !== "comments") this.#workspace.livestreams.reload();
            return true;
        } catch (problem) {
            const fields = problem.fields.map((one) => `${one.path} ${one.message}`).join("; ");
            fill(this.#said, notice("bad", fields || problem.message));
            if (problem.status === 404 || problem.status === 409) {
                this.#workspace.livestreams.reload();
            }
            return false;
        }
    }

    #start() {
        openDialog("Start a livestream", (close) => {
            const title = h("input", {
                type: "text", required: true, maxLength: 120, autocomplete: "off",
            });
            const source = h("select", {},
                h("option", { value: "native" }, "here: comments and gifts of this service"),
                h("option", { value: "replay" }, "replay: a recorded LIVE is played into it"),
                h("option", { value: "tiktok" }, "TikTok: its frames are fed in"));
            return makeForm({ id: "live-form" }, [
                field("Title", title, { path: "title" }),
                field("Where its events come from", source, { path: "source" }),
            ], "Start", async () => {
                const { data } = await call("POST", `${this.#workspace.path}/livestreams`, {
                    title: title.value.trim(), source: source.value,
                });
                await this.#workspace.livestreams.reload();
                this.#choose(data.id);
                close();
            }, h("button", { type: "button", onclick: close }, "Cancel"));
        });
    }

    #end() {
        const chosen = this.#chosen;
        confirmDialog({
            title: "End the livestream?",
            text: `“${chosen.title}” ends for everybody. Rules no longer fire from it.`,
            yes: "End the livestream", isDanger: true,
        }, async () => {
            await call("POST", `${this.#workspace.path}/livestreams/${chosen.id}/end`);
            await this.#workspace.livestreams.reload();
        });
    }
}
