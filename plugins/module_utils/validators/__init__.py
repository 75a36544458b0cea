"""What is wrong with a site, found before anything is changed: pure functions, no contact to any machine.

`inventory` and `addresses` judge what the inventory says; `machines` and `cluster` judge what `node_probe` saw.
"""
