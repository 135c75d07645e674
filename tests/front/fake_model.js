// A widget's model without a kernel: traits, listeners as Backbone keeps them, and a record of what would be sent.

export class FakeModel {
  #listeners = [];

  constructor(traits, models = {}) {
    this.traits = { ...traits };
    this.saved = 0; // calls of save_changes
    this.sent = [];
    this.widget_manager = { get_model: async (id) => models[id] };
  }

  get(name) {
    if (!(name in this.traits)) throw new Error(`No trait named ${name}.`);
    return this.traits[name];
  }

  set(name, value) {
    const changed = typeof name === "string" ? { [name]: value } : name;
    Object.assign(this.traits, changed);
    for (const key of Object.keys(changed)) this.trigger(`change:${key}`);
    this.trigger("change");
  }

  save_changes() {
    this.saved += 1;
  }

  send(...message) {
    this.sent.push(message);
  }

  on(events, react) {
    for (const event of events.split(" ")) this.#listeners.push([event, react]);
  }

  off(events, react) {
    const gone = events.split(" ");
    this.#listeners = this.#listeners.filter(([event, other]) => !gone.includes(event) || other !== react);
  }

  trigger(event, ...given) {
    for (const [name, react] of [...this.#listeners]) if (name === event) react(...given);
  }

  get listeners() {
    return this.#listeners.length;
  }
}
