"""The apps are programs of other frameworks, some for an environment of their own: no tests are looked for in them."""

collect_ignore_glob = ["apps/*"]
