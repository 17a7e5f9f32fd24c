package main

// version is the tool's version: part of every store's provenance.
const version = "0.1.0"
