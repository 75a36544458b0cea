"""What is wrong with a site, found before anything is changed: pure functions, no contact to any machine.

`inventory` and `addresses` judge what the inventory says, `names` and `values` its variables: `declared` says what this project knows,
`forms` which of the `kinds` of text each one is. `machines` and `fleet` judge what `node_probe` saw.
"""
