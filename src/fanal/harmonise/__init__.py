"""Stage 2 of the pipeline: conversion of reports from every source format to one canonical record."""
