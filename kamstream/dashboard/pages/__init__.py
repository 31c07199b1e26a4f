"""The pages: the only modules that build NiceGUI elements. What they say comes from the pure modules beside."""
