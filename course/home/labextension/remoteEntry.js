// A JupyterLab 4 and Notebook 7 extension in one file, with no build step.
//
// JupyterLab loads this script, calls init() with the modules it shares, then asks
// get("./extension") for a factory of plugins: webpack's container protocol, by hand.
// The file lies outside a folder called "static" because Jupyter lets browsers keep
// those for a year, which suits only names that change with their content.
(() => {
  "use strict";

  let shared;

  /** Import a module that JupyterLab shares, such as "@lumino/widgets". */
  async function load(name) {
    const [version] = Object.values(shared[name]);
    return (await version.get())();
  }

  function courseUrl() {
    const config = document.getElementById("jupyter-config-data");
    const base = JSON.parse(config?.textContent || "{}").baseUrl || "/";
    return base.replace(/\/*$/, "/course");
  }

  // --- the way back ------------------------------------------------------------------

  // The home page gives its tab this name, so that the link returns to it and the
  // notebook stays open with its kernel at work.
  const HOME_TAB = "on-device-home";
  const COMMAND = "on-device:home";

  function homePlugin({ Widget }, { ICommandPalette }) {
    return {
      id: "on-device:home",
      description: "A link to the course home.",
      autoStart: true,
      optional: [ICommandPalette],
      activate(app, palette) {
        app.commands.addCommand(COMMAND, {
          label: "Course home",
          caption: "Modules, progress and what comes next",
          execute: () => void window.open(courseUrl(), HOME_TAB),
        });
        palette?.addItem({ command: COMMAND, category: "On-Device" });

        const link = document.createElement("a");
        link.href = courseUrl();
        link.target = HOME_TAB;
        link.rel = "opener";
        link.textContent = "Course home";
        link.title = "Modules, progress and what comes next";
        Object.assign(link.style, {
          alignSelf: "center",
          padding: "2px 12px",
          color: "var(--jp-content-link-color, #0b5a8f)",
          fontSize: "var(--jp-ui-font-size1, 13px)",
          whiteSpace: "nowrap",
        });
        const widget = new Widget();
        widget.id = "on-device-home-link";
        Object.assign(widget.node.style, { display: "flex", alignItems: "center" });
        widget.node.append(link);
        app.shell.add(widget, "top", { rank: 990 });
      },
    };
  }

  // --- quiz choices ------------------------------------------------------------------

  const ANSWER = /^([ \t]*\w+[ \t]*=[ \t]*)("[^"\n]*"|'[^'\n]*'|None\b)(?!["'])/m;

  /** Write `choice` into the cell `task-<task>` of the notebook around `target`. */
  function writeChoice(app, target, task, choice) {
    if (!/^[a-z]$/.test(choice) || typeof task !== "string") return;
    for (const panel of app.shell.widgets("main")) {
      const model = panel.content?.model;
      if (!panel.node.contains(target) || !model?.cells || model.readOnly) continue;
      for (const cell of model.cells) {
        if (cell.id !== `task-${task}` || cell.type !== "code") continue;
        const source = cell.sharedModel.getSource();
        const written = source.replace(ANSWER, `$1"${choice}"`);
        if (written !== source) cell.sharedModel.setSource(written);
      }
    }
  }

  const choicePlugin = {
    id: "on-device:choice",
    description: "Writes the choice of a quiz into its task cell.",
    autoStart: true,
    activate(app) {
      document.addEventListener("on-device:choice", (event) => {
        const { task, choice } = event.detail ?? {};
        writeChoice(app, event.composedPath()[0], task, choice);
      });
    },
  };

  // --- still pictures ----------------------------------------------------------------

  // A widget in a notebook that was opened again has lost its kernel. Its output holds a
  // still picture and a text as well, which say more than this message of ipywidgets.
  const LOST = "Error displaying widget";

  function showStillPictures(panel) {
    for (const cell of panel.content?.widgets ?? []) {
      const area = cell.outputArea;
      for (let i = 0; i < (area?.widgets.length ?? 0); i++) {
        const node = area.widgets[i].node.querySelector(".jp-OutputArea-output");
        const data = area.model.get(i)?.data;
        if (!data || !node?.textContent.startsWith(LOST)) continue;
        // Only a trusted notebook's HTML may enter the page, as everywhere in JupyterLab.
        const html = cell.model.trusted && data["text/html"];
        if (html) node.innerHTML = [html].flat().join("");
        else node.textContent = [data["text/plain"] ?? ""].flat().join("");
      }
    }
  }

  function stillPlugin({ INotebookTracker }) {
    return {
      id: "on-device:still-pictures",
      description: "Shows the still picture of a widget whose kernel is gone.",
      autoStart: true,
      requires: [INotebookTracker],
      activate(app, tracker) {
        const watch = (panel) => {
          let waiting = 0;
          const observer = new MutationObserver(() => {
            cancelAnimationFrame(waiting);
            waiting = requestAnimationFrame(() => showStillPictures(panel));
          });
          observer.observe(panel.node, { childList: true, subtree: true });
          panel.disposed.connect(() => observer.disconnect());
        };
        tracker.forEach(watch);
        tracker.widgetAdded.connect((_, panel) => watch(panel));
      },
    };
  }

  (window._JUPYTERLAB ??= {})["on-device"] = {
    init(scope) {
      shared = scope;
    },
    async get(module) {
      if (module !== "./extension") throw new Error(`There is no module ${module} here.`);
      const [widgets, apputils, notebook] = await Promise.all([
        load("@lumino/widgets"),
        load("@jupyterlab/apputils"),
        load("@jupyterlab/notebook"),
      ]);
      const plugins = [homePlugin(widgets, apputils), choicePlugin, stillPlugin(notebook)];
      return () => ({ __esModule: true, default: plugins });
    },
  };
})();
