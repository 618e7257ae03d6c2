// Filled by the client.
