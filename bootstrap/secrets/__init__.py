"""A site's secrets: made, kept encrypted, rotated and guarded; its CAs and certificates among them."""
