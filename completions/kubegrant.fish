complete --keep-order --exclusive --command kubegrant --arguments "(COMPLETE=fish kubegrant -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
